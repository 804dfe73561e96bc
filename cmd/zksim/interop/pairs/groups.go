package pairs

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// Groups, leases, and sets that are divided.

// meet has one of each side be a member.
func (t *table) meet(ours *recipes.Party) {
	t.call("party", "join")
	t.must("Join", ours.Join(t.ctx))
	t.is("members, asked by us", inOrder(ours.Members(t.ctx)), "ours theirs")
	t.is("members, asked by them", t.call("party", "members"), "ours theirs")
	_, err := ours.Leave(t.ctx)
	t.must("Leave", err)
	t.is("members without us", t.call("party", "members"), "theirs")
	t.call("party", "leave")
	t.is("members without them", inOrder(ours.Members(t.ctx)), "")

	t.must("Join", ours.Join(t.ctx))
	t.is("we alone, asked by them", t.call("party", "members"), "ours")
	t.call("party", "join")
	t.is("both again, asked by us", inOrder(ours.Members(t.ctx)), "ours theirs")
	t.call("party", "leave")
	t.is("they have left", inOrder(ours.Members(t.ctx)), "ours")
	_, err = ours.Leave(t.ctx)
	t.must("Leave", err)
	t.is("all have left", t.call("party", "members"), "")
}

func kazooParty(t *table) {
	t.new("party", "Party", t.path, "theirs")
	t.meet(recipes.NewParty(t.client, t.path, named("ours")))
}

func kazooShallowParty(t *table) {
	t.new("party", "ShallowParty", t.path, "theirs")
	t.meet(recipes.NewShallowParty(t.client, t.path, named("ours")))
}

// kazooLease has a lease of a minute go from one side to the other. Kazoo cannot give one back; what it
// has got an hour ago has ended.
func kazooLease(t *table) {
	ours := recipes.NewLease(t.client, t.path, time.Minute, "ours")
	obtain := func() bool {
		got, err := ours.Obtain(t.ctx)
		t.must("Obtain", err)
		return got
	}
	holder := func() string {
		data, _, err := t.client.Get(t.ctx, t.path+"/lease_holder")
		t.must("Get", err)
		return regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`).ReplaceAllString(string(data), "TIME")
	}
	t.new("earlier", "NonBlockingLease", t.path, "60", "theirs", "-3600")
	t.new("lease", "NonBlockingLease", t.path, "60", "theirs", "0")
	t.new("later", "NonBlockingLease", t.path, "60", "theirs", "3600")
	t.is("they obtain it, an hour ago", t.call("earlier", "obtain"), "true")
	theirs := holder()
	t.is("we obtain what has ended", obtain(), true)
	t.is("we write what they write", holder(), strings.ReplaceAll(theirs, "theirs", "ours"))
	t.is("they obtain what we have", t.call("lease", "obtain"), "false")
	t.is("we renew ours", obtain(), true)
	t.is("they obtain it in an hour", t.call("later", "obtain"), "true")
	t.is("we obtain what they have", obtain(), false)
	t.must("DeleteRecursive", zkapi.DeleteRecursive(t.ctx, t.client, t.path))
	t.is("we obtain what nobody has", obtain(), true)
	_, err := ours.Release(t.ctx)
	t.must("Release", err)
	t.is("they obtain what we have given back", t.call("lease", "obtain"), "true")
	_, err = t.client.Set(t.ctx, t.path+"/lease_holder", []byte(`{"version": 2}`), zkapi.AnyVersion)
	t.must("Set", err)
	t.is("they obtain one of another version", t.call("later", "obtain"), "false")
	t.is("we obtain one of another version", obtain(), false)
}

// kazooMultiLease has two leases go around among three.
func kazooMultiLease(t *table) { shareMultiLease(t, 2) }

func shareMultiLease(t *table, n int) {
	multi := func(id string) *recipes.Lease { return recipes.NewMultiLease(t.client, t.path, n, time.Minute, id) }
	ours, others := multi("ours"), multi("others")
	obtain := func(l *recipes.Lease) bool {
		got, err := l.Obtain(t.ctx)
		t.must("Obtain", err)
		return got
	}
	t.new("lease", "MultiNonBlockingLease", t.path, "60", "theirs", "0", "2")
	t.new("late", "MultiNonBlockingLease", t.path, "60", "late", "0", "2")
	t.new("later", "MultiNonBlockingLease", t.path, "60", "late", "3600", "2")
	t.is("we obtain the first", obtain(ours), true)
	t.is("they obtain the second", t.call("lease", "obtain"), "true")
	t.is("a third one of ours obtains one", obtain(others), false)
	t.is("a third one of theirs obtains one", t.call("late", "obtain"), "false")
	t.is("we renew ours", obtain(ours), true)
	t.is("they renew theirs", t.call("lease", "obtain"), "true")
	_, err := ours.Release(t.ctx)
	t.must("Release", err)
	t.is("they obtain what we have given back", t.call("late", "obtain"), "true")
	t.is("we obtain what they have", obtain(ours), false)
	t.is("they renew theirs in an hour", t.call("later", "obtain"), "true")
	t.is("who has them", t.holders(), "late theirs")
}

// holders are those who have a lease each, by what the nodes say.
func (t *table) holders() string {
	var all []string
	for _, slot := range []string{"0", "1"} {
		var data struct{ Holder string }
		t.must("lease_holder", json.Unmarshal([]byte(t.text(slot+"/lease_holder")), &data))
		all = append(all, data.Holder)
	}
	return sorted(all, nil)
}

// kazooPartitioner has two members divide a set, one leave, and come back.
func kazooPartitioner(t *table) {
	set := []string{"a", "b", "c", "d", "e"}
	t.new("set", "SetPartitioner", t.path, "theirs", strings.Join(set, ","), "0.2")
	t.call("set", "start")
	ours := t.partition(set)
	theirs := func() string { return t.call("set", "items") }
	both := func() {
		t.until("both have theirs", func() bool { return inOrder(ours.Items(), nil) == "a c e" && theirs() == "b d" })
		t.is("ours", inOrder(ours.Items(), nil), "a c e")
		t.is("theirs", theirs(), "b d")
		t.is("ours, asked the server", t.locked(set), "a c e")
	}
	both()
	t.must("Finish", ours.Finish(t.ctx))
	t.until("they have all", func() bool { return theirs() == "a b c d e" })
	t.is("theirs without us", theirs(), "a b c d e")
	t.is("ours, asked the server", t.locked(set), "")
	ours = t.partition(set)
	both()
	t.call("set", "finish")
	t.until("we have all", func() bool { return inOrder(ours.Items(), nil) == "a b c d e" })
	t.is("ours without them", t.locked(set), "a b c d e")
	t.new("set", "SetPartitioner", t.path, "theirs", strings.Join(set, ","), "0.2")
	t.call("set", "start") // we were first
	both()
	t.must("Finish", ours.Finish(t.ctx))
	t.call("set", "finish")
}

// partition has us take part, and give back what others are to have.
func (t *table) partition(set []string) *recipes.SetPartitioner {
	p := recipes.NewSetPartitioner(t.client, t.path, set, func(o *recipes.PartitionOptions) {
		o.Identifier, o.Quiet, o.Rejoin = "ours", 200*time.Millisecond, true
	})
	changes := p.Changes()
	go func() {
		defer changes.Close()
		for {
			state, err := changes.Next(t.ctx)
			if err != nil || state == recipes.PartitionFailed {
				return
			}
			if state == recipes.PartitionReleasing {
				p.Release()
			}
		}
	}()
	t.must("Start", p.Start())
	return p
}

// locked are the items whose locks our session has. It is wrong for a lock to be nobody's, or two's.
func (t *table) locked(set []string) string {
	var own []string
	for _, x := range set {
		dir := t.path + "/locks/" + x
		names, _, err := t.client.Children(t.ctx, dir)
		t.must("Children", err)
		t.is("who has "+x, len(names), 1)
		_, stat, err := t.client.Get(t.ctx, zkapi.Join(dir, names[0]))
		t.must("Get", err)
		if stat.EphemeralOwner == t.client.SessionID() {
			own = append(own, x)
		}
	}
	return strings.Join(own, " ")
}

func curatorGroup(t *table) {
	t.new("group", "GroupMember", t.path, "theirs", "their data")
	t.call("group", "start")
	ours := recipes.NewGroupMember(t.client, t.path, "ours", []byte("our data"))
	t.must("Start", ours.Start())
	t.must("WaitJoined", ours.WaitJoined(t.ctx))
	members := func() string {
		var all []string
		for name, data := range ours.Members() {
			all = append(all, name+"="+string(data))
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	both := "ours=our data theirs=their data"
	t.until("both, asked by us", func() bool { return members() == both })
	t.until("both, asked by them", func() bool { return t.call("group", "members") == both })
	t.is("members", members(), both)
	t.must("SetData", ours.SetData(t.ctx, []byte("new")))
	t.until("our new data", func() bool { return t.call("group", "members") == "ours=new theirs=their data" })
	t.is("members, asked by them", t.call("group", "members"), "ours=new theirs=their data")
	bare := recipes.NewGroupMember(t.client, t.path, "bare", nil)
	t.must("Start", bare.Start())
	t.until("one without data", func() bool { return t.call("group", "members") == "bare= ours=new theirs=their data" })
	t.must("Close", bare.Close(t.ctx))
	t.call("group", "close")
	t.until("they leave", func() bool { return members() == "ours=new" })
	t.is("members without them", members(), "ours=new")
	t.new("late", "GroupMember", t.path, "theirs", "late") // we were first
	t.call("late", "start")
	t.until("all, asked by us", func() bool { return members() == "ours=new theirs=late" })
	t.until("all, asked by them", func() bool { return t.call("late", "members") == "ours=new theirs=late" })
	t.is("members with them again", members(), "ours=new theirs=late")
	t.must("Close", ours.Close(t.ctx))
	t.until("we leave", func() bool { return t.call("late", "members") == "theirs=late" })
	t.is("members without us", t.call("late", "members"), "theirs=late")
	t.call("late", "close")
}

// keepers are one of each side who keep the same node in place.
type keepers struct {
	*table
	ours *recipes.PersistentNode
}

func (t *table) keepers(mode zkapi.CreateMode) keepers {
	t.must("EnsurePath", zkapi.EnsurePath(t.ctx, t.client, zkapi.Parent(t.path), nil))
	return keepers{t, recipes.NewPersistentNode(t.client, t.path, mode, []byte("ours"))}
}

// has waits until somebody has the node.
func (k keepers) has(who string) {
	k.until("the node is "+who, func() bool { return k.owner() == who })
	k.is("who has the node", who, who)
}

// owner tells who has the node, by its data and its session, if that is clear.
func (k keepers) owner() string {
	data, stat, err := k.client.Get(k.ctx, k.path)
	if errors.Is(err, zkapi.ErrNoNode) {
		return ""
	}
	k.must("Get", err)
	mine := stat.EphemeralOwner == k.client.SessionID()
	if who := string(data); mine == (who == "ours") {
		return who
	}
	return ""
}

// curatorNode has the node go from one to the other. Who comes late waits, though Curator writes its data into the
// node of others, and deletes that when it stops; ours write and make it again.
func curatorNode(t *table) {
	k := t.keepers(zkapi.Ephemeral)
	t.new("first", "PersistentNode", t.path, "theirs")
	t.is("they make it", t.call("first", "start"), "true")
	k.has("theirs")
	t.must("Start", k.ours.Start())
	t.is("we have it", k.ours.Exists(), false)
	t.call("first", "close")
	k.has("ours")
	t.new("late", "PersistentNode", t.path, "theirs")
	t.is("they write into ours", t.call("late", "start"), "true")
	k.has("ours")
	t.call("late", "close")
	t.must("WaitCreated", k.ours.WaitCreated(t.ctx))
	k.has("ours")
	t.new("last", "PersistentNode", t.path, "theirs")
	t.call("last", "start")
	k.has("ours")
	t.must("Close", k.ours.Close(t.ctx))
	k.has("theirs")
	t.call("last", "close")
	t.until("no node", func() bool { return !t.there(t.path) })
}

func (t *table) there(path string) bool {
	_, there, err := t.client.Exists(t.ctx, path)
	t.must("Exists", err)
	return there
}

// loseNode has the node of each side go with its session.
func loseNode(t *table) { t.loseKept(zkapi.Ephemeral) }

func (t *table) loseKept(mode zkapi.CreateMode) {
	k := t.keepers(mode)
	t.must("Start", k.ours.Start())
	t.must("WaitCreated", k.ours.WaitCreated(t.ctx))
	t.new("theirs", "PersistentNode", t.path, "theirs")
	t.call("theirs", "start")
	k.has("ours")
	for _, crash := range []func(){t.weCrash, t.theyCrash} { // who has lost it may be the first one again
		crash()
		k.until("somebody has the node", func() bool { return k.owner() != "" })
		k.is("who has the node", "one of both", "one of both")
	}
	t.call("theirs", "close")
	k.has("ours")
	t.must("Close", k.ours.Close(t.ctx))
}

// curatorTTLNode has both sides keep a node, and then one of them.
func curatorTTLNode(t *table) { keepTTL(t, time.Second) }

func keepTTL(t *table, ttl time.Duration) {
	own := recipes.NewTTLNode(t.client, t.path+"-ours", ttl, []byte("ours"))
	t.must("Start", own.Start())
	defer own.Close()
	if err := own.WaitCreated(t.ctx); errors.Is(err, zkapi.ErrUnimplemented) {
		t.is("the server has no such nodes", true, true)
		return
	}
	t.new("first", "PersistentTtlNode", t.path, "1000", "theirs")
	t.is("they make it", t.call("first", "start"), "true")
	t.is("who has made it", t.text(""), "theirs")
	ours := recipes.NewTTLNode(t.client, t.path, ttl, []byte("ours"))
	t.must("Start", ours.Start())
	t.must("WaitCreated", ours.WaitCreated(t.ctx))
	t.is("what we write into theirs", t.text(""), "ours")
	for _, node := range []string{"", "/touch"} {
		t.is("ours has the same time to live"+node, t.life(t.path+"-ours"+node) == t.life(t.path+node), true)
	}
	t.call("first", "close")
	t.touched("we touch it")
	t.new("late", "PersistentTtlNode", t.path, "1000", "theirs")
	t.is("they take it as it is", t.call("late", "start"), "true")
	ours.Close()
	t.touched("they touch it")
	t.is("what touches it", t.count(t.path), 1)
	t.call("late", "close")
}

// life is the time to live of a node, as the server has it.
func (t *table) life(path string) int64 {
	stat, _, err := t.client.Exists(t.ctx, path)
	t.must("Exists", err)
	return stat.EphemeralOwner
}

// touched waits until a node is touched twice: once may have been before.
func (t *table) touched(what string) {
	for range 2 {
		before, _, err := t.client.Exists(t.ctx, t.path+"/touch")
		t.must("Exists", err)
		t.until(what, func() bool {
			now, there, err := t.client.Exists(t.ctx, t.path+"/touch")
			t.must("Exists", err)
			return there && now.Mzxid > before.Mzxid
		})
	}
	t.is(what, true, true)
}
