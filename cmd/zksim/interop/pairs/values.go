package pairs

import (
	"strconv"
	"strings"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
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

// enterAndLeave has one of each side begin together and end together, whoever comes first.
func (t *table) enterAndLeave(ours *recipes.DoubleBarrier) {
	entered := t.later("barrier", "enter")
	t.children(t.path, 1)
	t.must("Enter", ours.Enter(t.ctx))
	t.is("they enter with us", entered(), "true")
	left := t.later("barrier", "leave")
	t.must("Leave", ours.Leave(t.ctx))
	t.is("they leave with us", left(), "true")

	wait := t.ours("Enter", ours.Enter)
	t.children(t.path, 1)
	t.is("they enter when we are there", t.call("barrier", "enter"), "true")
	wait()
	wait = t.ours("Leave", ours.Leave)
	t.is("they leave when we do", t.call("barrier", "leave"), "true")
	wait()
	t.is("what is left", t.count(t.path), 0)
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

	t.must("Delete", t.client.Delete(t.ctx, t.path, zkapi.AnyVersion)) // to begin with us
	add(3)
	t.is("they see what we begin with", t.call("counter", "value"), text(3))
	t.call("counter", "add", "4")
	t.is("we see the sum", value(), text(7))
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

	seed := recipes.NewShared(t.client, t.path+"-ours", recipes.Int32(), 9)
	t.must("Start", seed.Start(t.ctx))
	defer seed.Close()
	t.new("late", "SharedCount", t.path+"-ours", "3")
	t.call("late", "start")
	t.is("they see our seed", t.call("late", "value"), 9)
}

// curatorValue has each side change data that is no number.
func curatorValue(t *table) { changeValue(t, recipes.Bytes()) }

func changeValue(t *table, codec recipes.Codec[[]byte]) {
	t.new("value", "DistributedAtomicValue", t.path)
	ours := recipes.NewAtomic(t.client, t.path, codec)
	value := func() string {
		v, err := ours.Value(t.ctx)
		t.must("Value", err)
		return string(v)
	}
	swap := func(old, v string) bool {
		ok, err := ours.CompareAndSet(t.ctx, []byte(old), []byte(v))
		t.must("CompareAndSet", err)
		return ok
	}
	t.is("they change what is not there", t.call("value", "compareAndSet", "", "a"), "false")
	made, err := ours.Initialize(t.ctx, []byte("first"))
	t.must("Initialize", err)
	t.is("we make it", made, true)
	t.is("they make it", t.call("value", "initialize", "second"), "false")
	t.is("they read", t.call("value", "value"), "first")
	t.is("they change what they have read", t.call("value", "compareAndSet", "first", "theirs"), "true")
	t.is("we change what they have changed", swap("first", "ours"), false)
	t.is("we read", value(), "theirs")
	t.is("we change what we have read", swap("theirs", "ours"), true)
	t.is("they change what we have changed", t.call("value", "compareAndSet", "theirs", "late"), "false")
	t.call("value", "forceSet", "by force")
	t.is("we read what they have set", value(), "by force")
	change, err := ours.Swap(t.ctx, []byte("last"))
	t.must("Swap", err)
	t.is("what we have replaced", string(change.Pre), "by force")
	t.is("they read what we have set", t.call("value", "value"), "last")
}

func curatorSharedValue(t *table) { sharedValue(t, recipes.Bytes()) }

func sharedValue(t *table, codec recipes.Codec[[]byte]) {
	t.new("value", "SharedValue", t.path, "seed")
	t.call("value", "start")
	ours := recipes.NewShared(t.client, t.path, codec, []byte("other seed"))
	t.must("Start", ours.Start(t.ctx))
	defer ours.Close()
	t.is("we see their seed", string(ours.Value()), "seed")
	t.must("Set", ours.Set(t.ctx, []byte("ours")))
	t.is("they hear of what we set", t.call("value", "await", "ours"), "true")
	t.is("they set what nobody has changed", t.call("value", "trySet", "theirs"), "true")
	t.until("their change", func() bool { return string(ours.Value()) == "theirs" })
	seen := ours.Versioned()
	t.call("value", "set", "again")
	ok, err := ours.TrySet(t.ctx, seen, []byte("late"))
	t.must("TrySet", err)
	t.is("we set what they have changed", ok, false)
	t.until("their change", func() bool { return string(ours.Value()) == "again" })
	ok, err = ours.TrySet(t.ctx, ours.Versioned(), []byte("last"))
	t.must("TrySet", err)
	t.is("we set what nobody has changed", ok, true)
	t.is("they hear of it", t.call("value", "await", "last"), "true")

	seed := recipes.NewShared(t.client, t.path+"-ours", codec, []byte("our seed"))
	t.must("Start", seed.Start(t.ctx))
	defer seed.Close()
	t.new("late", "SharedValue", t.path+"-ours", "seed")
	t.call("late", "start")
	t.is("they see our seed", t.call("late", "value"), "our seed")
}

// curatorNumbers has both sides take numbers in blocks of 10, at the same time: none is given out twice.
func curatorNumbers(t *table) { takeNumbers(t, recipes.NewAtomic(t.client, t.path, recipes.Int64())) }

func takeNumbers(t *table, counter *recipes.Atomic[int64]) {
	t.new("numbers", "CachedAtomicLong", t.path, "10")
	ours := recipes.NewNumbers(counter, 10)
	const n = 5 * rounds
	theirs := t.later("numbers", "next", strconv.Itoa(n))
	got := make(map[string]bool)
	for range n {
		x, err := ours.Next(t.ctx)
		t.must("Next", err)
		got[whole(x)] = true
	}
	numbers := strings.Fields(theirs())
	for _, x := range numbers {
		got[x] = true
	}
	t.is("numbers of theirs", len(numbers), n)
	t.is("different numbers", len(got), 2*n)
	v, err := counter.Value(t.ctx)
	t.must("Value", err)
	t.is("the number of blocks", v/10, 2*n/10)
}
