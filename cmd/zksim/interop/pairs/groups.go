package pairs

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// Queues, groups and leases.

func kazooQueue(t *table) {
	t.new("queue", "Queue", t.path)
	ours := recipes.NewQueue(t.client, t.path)
	get := func() string {
		item, _, err := ours.Get(t.ctx)
		t.must("Get", err)
		return string(item)
	}
	t.must("Put", ours.Put(t.ctx, []byte("ours")))
	t.call("queue", "put", "theirs")
	t.must("PutPriority", ours.PutPriority(t.ctx, []byte("urgent"), 1))
	t.is("they get what we find urgent", t.call("queue", "get"), "urgent")
	t.is("we get what came first", get(), "ours")
	t.call("queue", "put", "at once", "0")
	t.is("we get what they find urgent", get(), "at once")
	t.is("length, asked by them", t.call("queue", "length"), 1)
	t.is("they get their own", t.call("queue", "get"), "theirs")
	t.is("we get nothing", get(), "")
}

func kazooLockingQueue(t *table) {
	t.new("queue", "LockingQueue", t.path)
	ours := recipes.NewLockingQueue(t.client, t.path)
	t.must("Put", ours.Put(t.ctx, []byte("one")))
	t.call("queue", "put", "two")
	t.is("they hold the first", t.call("queue", "get"), "one")
	item, err := ours.Get(t.ctx)
	t.must("Get", err)
	t.is("we hold the second", string(item), "two")
	t.is("they consume theirs", t.call("queue", "consume"), "true")
	t.must("Release", ours.Release(t.ctx))
	t.is("they hold what we give back", t.call("queue", "get"), "two")
	t.call("queue", "release")
	item, err = ours.Get(t.ctx)
	t.must("Get", err)
	t.is("we hold what they give back", string(item), "two")
	t.must("Consume", ours.Consume(t.ctx))
	n, err := ours.Len(t.ctx)
	t.must("Len", err)
	t.is("what is left", n, 0)
}

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

// kazooLease has a lease of a minute go from one side to the other.
func kazooLease(t *table) {
	ours := recipes.NewLease(t.client, t.path, time.Minute, "ours")
	obtain := func() bool {
		got, err := ours.Obtain(t.ctx)
		t.must("Obtain", err)
		return got
	}
	t.new("lease", "NonBlockingLease", t.path, "60", "theirs")
	t.is("they obtain it", t.call("lease", "obtain"), "true")
	t.is("we obtain what they have", obtain(), false)
	t.must("DeleteRecursive", zkapi.DeleteRecursive(t.ctx, t.client, t.path)) // kazoo cannot give one back
	t.is("we obtain it", obtain(), true)
	t.is("they obtain what we have", t.call("lease", "obtain"), "false")
	_, err := ours.Release(t.ctx)
	t.must("Release", err)
	t.is("they obtain what we have given back", t.call("lease", "obtain"), "true")
}

func curatorSimpleQueue(t *table) {
	t.new("queue", "SimpleDistributedQueue", t.path)
	ours := recipes.NewSimpleQueue(t.client, t.path)
	t.must("Offer", ours.Offer(t.ctx, []byte("ours")))
	t.call("queue", "offer", "theirs")
	t.is("they take the first", t.call("queue", "take"), "ours")
	item, _, err := ours.Peek(t.ctx)
	t.must("Peek", err)
	t.is("we see theirs", string(item), "theirs")
	item, err = ours.Take(t.ctx)
	t.must("Take", err)
	t.is("we take it", string(item), "theirs")
	taken := make(chan string, 1)
	wait := t.ours("Take", func(ctx context.Context) error {
		item, err := ours.Take(ctx)
		taken <- string(item)
		return err
	})
	t.call("queue", "offer", "late")
	wait()
	t.is("we take what comes", <-taken, "late")
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
	t.call("group", "close")
	t.until("they leave", func() bool { return members() == "ours=new" })
	t.is("members without them", members(), "ours=new")
	t.must("Close", ours.Close(t.ctx))
}
