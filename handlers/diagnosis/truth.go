package diagnosis

// truth is whether something holds, or that the facts do not tell.
type truth int

const (
	no truth = iota
	unsure
	yes
)

// is turns what is known into a truth.
func is(known bool) truth {
	if known {
		return yes
	}
	return no
}

// all holds if each of them does.
func all(of ...truth) truth {
	least := yes
	for _, t := range of {
		least = min(least, t)
	}
	return least
}

// either holds if one of them does.
func either(of ...truth) truth {
	most := no
	for _, t := range of {
		most = max(most, t)
	}
	return most
}

func not(t truth) truth { return yes - t }
