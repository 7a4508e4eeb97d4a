-- +goose Up
-- SQLite has a table here. The server's own clock is one for all.
SELECT 1;
