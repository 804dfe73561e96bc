package explore

// Sleepless is Exhaustive in which no step sleeps.
func Sleepless() Strategy {
	s := Exhaustive().(*exhaustive)
	s.sleepless = true
	return s
}
