// Package jsontext reads JSON as text: it copies nothing and changes no digit and no character.
// It promises nothing for a text that is not well-formed, unless the function says so.
package jsontext
