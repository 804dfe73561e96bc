// Command mutants plants bugs in memserver, watchers and recipes, one at a time,
// and shows which test catches each of them, without a real ZooKeeper:
//
//	go run ./proptest/mutants
//	go run ./proptest/mutants -run watch -v
//	go run ./proptest/mutants -of watchers,recipes
//
// It prints a table: the mutant, what it breaks, the file in which it is planted, the
// test that caught it, after how many cases of a property, and how many milliseconds
// of the processor the tests took until then. The source is not touched: the go command gets the
// changed file through -overlay.
//
//	-json      one JSON object for each mutant, as they come
//	-run RE    only the mutants whose names match
//	-of P,P    only those in these packages, of memserver, watchers and recipes
//	-sample N  so many of them, chosen at random by -seed S; without it by a new one, which it tells
//	-j N       so many at a time, 2 by default
//	-v         what the failing tests print
//
// Its status is 1 if a mutant survives or could not be planted, 2 for wrong usage.
//
// The tests are asked in the order of their price: random histories against package
// model, the transcripts of real servers, the properties of memserver's state
// machine, some of memserver's own tests, and more random histories; about watchers,
// their property, what it has found before, and their own tests; about recipes their
// properties, with a fault at one request after the other, then their own tests, the
// rest of proptest's, and last the sweeps over every recipe. A mutant that survives
// them shows what the suite does not look at.
//
// Mutants of recipes and watchers are called after the number that their bug has in a
// register of what recipes and watchers elsewhere have had, B01 to B64. Each of those
// is planted at least once.
//
// A mutant is a line of the table in table.go, watchers.go or recipes.go: a text that
// occurs once in a file, and what to put in its place. If the code has changed so that the text
// is not there any more, go test says so.
package main
