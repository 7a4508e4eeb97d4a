// Package jsontext reads JSON as text: it copies nothing and changes no digit and no character.
// It promises nothing for a text that is not well-formed, or compact where that is asked for.
package jsontext
