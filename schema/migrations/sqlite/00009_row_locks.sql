-- +goose Up
-- SQL Server's tables give up locks of pages here. SQLite has one writer, which locks the file.
UPDATE compatibility SET oldest_program = 5;
