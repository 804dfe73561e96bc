package pairs

import (
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

// kazooPartitioner has two members divide a set, one leave, and come back.
func kazooPartitioner(t *table) {
	set := []string{"a", "b", "c", "d", "e"}
	quiet := 200 * time.Millisecond
	t.new("set", "SetPartitioner", t.path, "theirs", strings.Join(set, ","), "0.2")
	t.call("set", "start")
	join := func() *recipes.SetPartitioner {
		p := recipes.NewSetPartitioner(t.client, t.path, set, func(o *recipes.PartitionOptions) {
			o.Identifier, o.Quiet = "ours", quiet
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
	ours := join()
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
	ours = join()
	both()
	t.call("set", "finish")
	t.until("we have all", func() bool { return inOrder(ours.Items(), nil) == "a b c d e" })
	t.is("ours without them", t.locked(set), "a b c d e")
	t.must("Finish", ours.Finish(t.ctx))
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
	t.must("Close", ours.Close(t.ctx))
}
