package explore

// Sleepless is Exhaustive in which no step sleeps.
func Sleepless() Strategy {
	s := Exhaustive().(*exhaustive)
	s.sleepless = true
	return s
}

// Careless is Exhaustive in which steps sleep that do not commute, because of the nodes that they have to do with.
func Careless() Strategy {
	s := Exhaustive().(*exhaustive)
	s.careless = true
	return s
}
