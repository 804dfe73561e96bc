//go:build race

package proptest

func init() { raceDetector = true }
