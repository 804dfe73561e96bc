package explore

// variant is Exhaustive with something changed.
func variant(change func(*exhaustive)) Strategy {
	s := Exhaustive().(*exhaustive)
	change(s)
	return s
}

// Sleepless is Exhaustive in which no step sleeps.
func Sleepless() Strategy { return variant(func(s *exhaustive) { s.sleepless = true }) }

// Public is Exhaustive in which no step is private.
func Public() Strategy { return variant(func(s *exhaustive) { s.public = true }) }

// Careless is Exhaustive in which steps sleep that do not commute, because of the nodes that they have to do with.
func Careless() Strategy { return variant(func(s *exhaustive) { s.careless = true }) }

// Indiscreet is Exhaustive in which steps count as private that are not.
func Indiscreet() Strategy { return variant(func(s *exhaustive) { s.indiscreet = true }) }

// Check is what is wrong with what is asked for, by a test or by the flags.
func (c *Config) Check() error {
	if err := c.complete(); err != nil {
		return err
	}
	return c.override(func(string, ...any) {})
}
