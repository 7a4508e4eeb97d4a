// Package console is the web console of operators: pages, made on the server, that the admin listener of each node
// serves below /ui. It has no rule of its own: it shows what the answers of other packages say.
//
// What it promises:
//
//   - Every page is whole without a script: links and forms, one style sheet, and nothing from elsewhere. No page has
//     inline style or script, so that the policy of its answers (default-src 'self') can forbid both.
//   - A page says as of when it is, and of each part that could not be read why.
//   - Every table has an address at which it can be had as CSV, and one as JSON, with every digit. Times are UTC.
//   - The first page costs the database the same however many look at it: they share what was asked within a second.
//   - A state is told by a word, beside its shape and tone.
//   - Texts of others (names, reasons, errors) are shown as texts, in pages and in CSV.
//   - A style sheet's address changes with its content, and is kept by browsers for as long as they like.
//
// To add a page: a file page.html that defines "main", a function that makes its data and calls page, and a route
// in Console.Routes. Files *.css of this folder are one style sheet, in the order of their names.
package console
