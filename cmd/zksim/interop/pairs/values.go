package pairs

import (
	"strconv"
	"strings"

	"github.com/zksim/zksim/recipes"
)

// Barriers, and values in a node.

// passBarrier has each side wait for a barrier that the other one has set.
func (t *table) passBarrier(ours *recipes.Barrier) {
	t.must("Create", ours.Create(t.ctx))
	passed := t.later("barrier", "wait")
	removed, err := ours.Remove(t.ctx)
	t.must("Remove", err)
	t.is("we remove it", removed, true)
	t.is("they pass what we have removed", passed(), "true")
	t.is("they pass where there is none", t.call("barrier", "wait"), "true")

	t.call("barrier", "create")
	wait := t.ours("Wait", ours.Wait)
	t.call("barrier", "remove")
	wait()
	t.must("Wait", ours.Wait(t.ctx))
	removed, err = ours.Remove(t.ctx)
	t.must("Remove", err)
	t.is("there is nothing left to remove", removed, false)
}

// enterAndLeave has one of each side begin together and end together.
func (t *table) enterAndLeave(ours *recipes.DoubleBarrier) {
	entered := t.later("barrier", "enter")
	t.children(t.path, 1)
	t.must("Enter", ours.Enter(t.ctx))
	t.is("they enter with us", entered(), "true")
	left := t.later("barrier", "leave")
	t.must("Leave", ours.Leave(t.ctx))
	t.is("they leave with us", left(), "true")
}

func kazooBarrier(t *table) {
	t.new("barrier", "Barrier", t.path)
	t.passBarrier(recipes.NewBarrier(t.client, t.path))
}

func kazooDoubleBarrier(t *table) {
	t.new("barrier", "DoubleBarrier", t.path, "2", "theirs")
	t.enterAndLeave(recipes.NewDoubleBarrier(t.client, t.path, 2, func(o *recipes.Options) { o.Identifier = "ours" }))
}

func curatorBarrier(t *table) {
	t.new("barrier", "DistributedBarrier", t.path)
	t.passBarrier(recipes.NewBarrier(t.client, t.path))
}

func curatorDoubleBarrier(t *table) {
	t.new("barrier", "DistributedDoubleBarrier", t.path, "2")
	t.enterAndLeave(recipes.NewDoubleBarrier(t.client, t.path, 2))
}

// allDoubleBarrier has one of each of three begin together and end together.
func allDoubleBarrier(t *table) {
	t.of(Kazoo).new("kazoo", "DoubleBarrier", t.path, "3", "kazoo")
	t.of(Curator).new("curator", "DistributedDoubleBarrier", t.path, "3")
	ours := recipes.NewDoubleBarrier(t.client, t.path, 3, named("ours"))
	first := t.later("kazoo", "enter")
	t.children(t.path, 1)
	second := t.later("curator", "enter")
	t.children(t.path, 2)
	t.must("Enter", ours.Enter(t.ctx))
	t.is("kazoo enters with us", first(), "true")
	t.is("curator enters with us", second(), "true")
	first, second = t.later("kazoo", "leave"), t.later("curator", "leave")
	t.must("Leave", ours.Leave(t.ctx))
	t.is("kazoo leaves with us", first(), "true")
	t.is("curator leaves with us", second(), "true")
	t.children(t.path, 0)
}

// allCounters has three add to one number at the same time.
func allCounters(t *table) {
	t.of(Kazoo).new("kazoo", "CuratorCounter", t.path)
	t.of(Curator).new("curator", "DistributedAtomicInteger", t.path)
	ours := recipes.NewAtomic(t.client, t.path, recipes.Int32())
	one := t.later("kazoo", "addMany", strconv.Itoa(rounds))
	two := t.later("curator", "addMany", strconv.Itoa(rounds))
	for range rounds {
		_, err := ours.Add(t.ctx, 1)
		t.must("Add", err)
	}
	one()
	t.is("how often curator has given up", two(), 0)
	v, err := ours.Value(t.ctx)
	t.must("Value", err)
	t.is("the sum, asked by us", v, 3*rounds)
	t.is("the sum, asked by kazoo", t.call("kazoo", "value"), 3*rounds)
	t.is("the sum, asked by curator", t.call("curator", "value"), 3*rounds)
	t.is("the sums of new ones", inOrder(t.newCounters(), nil), strings.TrimSpace(strings.Repeat("3 ", rounds)))
}

// newCounters has three add one to each of some numbers that do not exist. Curator makes a node with its
// first value, kazoo and we make it without.
func (t *table) newCounters() (sums []string) {
	for i := range rounds {
		number := strconv.Itoa(i)
		path := t.path + "-new-" + number
		t.of(Kazoo).new("kazoo"+number, "CuratorCounter", path)
		t.of(Curator).new("curator"+number, "DistributedAtomicInteger", path)
		ours := recipes.NewAtomic(t.client, path, recipes.Int32())
		one, two := t.later("kazoo"+number, "add", "1"), t.later("curator"+number, "add", "1")
		_, err := ours.Add(t.ctx, 1)
		t.must("Add", err)
		one()
		two()
		v, err := ours.Value(t.ctx)
		t.must("Value", err)
		sums = append(sums, whole(v))
	}
	return sums
}

// countTogether has both sides add to one number, which starts at 0: they 5, we 2, they 10, we -3.
func countTogether[V int32 | int64 | float64](t *table, ours *recipes.Atomic[V], text func(V) string) {
	add := func(n V) {
		_, err := ours.Add(t.ctx, n)
		t.must("Add", err)
	}
	value := func() string {
		v, err := ours.Value(t.ctx)
		t.must("Value", err)
		return text(v)
	}
	t.call("counter", "add", "5")
	t.is("we see what they add", value(), text(5))
	add(2)
	t.is("they see what we add", t.call("counter", "value"), text(7))
	t.call("counter", "add", "10")
	add(-3)
	t.is("the sum, asked by us", value(), text(14))
	t.is("the sum, asked by them", t.call("counter", "value"), text(14))
}

func whole[V int32 | int64](v V) string { return strconv.FormatInt(int64(v), 10) }

func kazooCounters(t *table) {
	t.new("counter", "Counter", t.path)
	countTogether(t, recipes.NewCounter(t.client, t.path), whole)
}

func kazooFloats(t *table) {
	t.new("counter", "FloatCounter", t.path)
	countTogether(t, recipes.NewAtomic(t.client, t.path, recipes.FloatText()), func(v float64) string {
		return strconv.FormatFloat(v, 'f', 1, 64)
	})
}

func kazooCuratorCounters(t *table) {
	t.new("counter", "CuratorCounter", t.path)
	countTogether(t, recipes.NewAtomic(t.client, t.path, recipes.Int32()), whole)
}

func curatorLong(t *table) {
	t.new("counter", "DistributedAtomicLong", t.path)
	countTogether(t, recipes.NewAtomic(t.client, t.path, recipes.Int64()), whole)
}

func curatorInteger(t *table) {
	t.new("counter", "DistributedAtomicInteger", t.path)
	countTogether(t, recipes.NewAtomic(t.client, t.path, recipes.Int32()), whole)
}

func curatorSharedCount(t *table) {
	t.new("count", "SharedCount", t.path, "3")
	t.call("count", "start")
	ours := recipes.NewShared(t.client, t.path, recipes.Int32(), 9)
	t.must("Start", ours.Start(t.ctx))
	defer ours.Close()
	t.is("we see their seed", ours.Value(), 3)
	t.must("Set", ours.Set(t.ctx, 4))
	t.is("they hear of what we set", t.call("count", "await", "4"), "true")
	changes := ours.Changes()
	defer changes.Close()
	t.is("they set what nobody has changed", t.call("count", "trySet", "5"), "true")
	for {
		v, err := changes.Next(t.ctx)
		t.must("Next", err)
		if v.Value == 5 {
			break
		}
	}
	seen := ours.Versioned()
	t.call("count", "set", "6")
	ok, err := ours.TrySet(t.ctx, seen, 7)
	t.must("TrySet", err)
	t.is("we set what they have changed", ok, false)
	t.until("their change", func() bool { return ours.Value() == 6 })
}
