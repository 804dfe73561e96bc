package realserver

import (
	"fmt"
	"slices"
)

// Difference is something that a client can see and that is not the same in all releases from 3.8 on. A
// test whose outcome depends on it asks for it by name, and not for a version:
//
//	if srv.Has(realserver.EventZxids) { ... }
//
// Transcripts have a second expectation, with the label of [Install.Profile], where a server of Debian's
// 3.8.0 prints something else; a test of package proptest holds that list and this one together.
type Difference struct {
	Name   string
	Before string   // what servers did
	After  string   // what they do since
	Since  []string // the first release of each line that has it; lines that began later have it too
	Shown  []string // the transcripts that show it
}

// The differences between Debian's 3.8.0 and 3.9.5.
var (
	EventZxids = Difference{
		Name:   "EventZxids",
		Before: "a notification's header has the zxid -1",
		After:  "it has the zxid of the transaction; -1 for what setWatches tells",
		Since:  []string{"3.9.0"},
		Shown:  []string{"watches/event_zxid", "multi/event_zxids"},
	}
	WatchModesCoexist = Difference{
		Name:   "WatchModesCoexist",
		Before: "of a one-shot, a persistent and a recursive watch of one client on a path the last one stays; a recursive one takes the place of watches on children",
		After:  "they live side by side",
		Since:  []string{"3.9.0"},
		Shown:  []string{"watches/persistent_and_one_shot", "watches/persistent_and_recursive", "watches/trigger_ephemeral", "fourletter/watches_persistent"},
	}
	WatchTypes = Difference{
		Name:   "WatchTypes",
		Before: "checkWatches and removeWatches know the types children, data and any, which also find persistent watches",
		After:  "persistent and recursive are types too, and only these and any find such watches",
		Since:  []string{"3.9.0"},
		Shown:  []string{"watches/check_and_remove", "watches/remove_persistent", "watches/remove_persistent_exactly", "watches/remove_recursive", "errors/watches"},
	}
	ChecksOwnWatches = Difference{
		Name:   "ChecksOwnWatches",
		Before: "checkWatches also tells of watches of other connections",
		After:  "of those of its own connection",
		Since:  []string{"3.9.0"},
		Shown:  []string{"watches/check_sees_others"},
	}
	ExistsNeedsRead = Difference{
		Name:   "ExistsNeedsRead",
		Before: "exists needs no permission",
		After:  "it needs READ, and leaves no watch without",
		Since:  []string{"3.7.3", "3.8.4", "3.9.2"},
		Shown:  []string{"watches/exists_without_permission", "acl/permissions", "errors/reads"},
	}
	CheckOnlyInMulti = Difference{
		Name:   "CheckOnlyInMulti",
		Before: "check outside a multi is answered if it fails; if it succeeds nothing is answered, and the server cannot be restarted",
		After:  "it is unknown, and the connection is closed",
		Since:  []string{"3.8.5", "3.9.3"},
		Shown:  []string{"check/alone", "check/alone_3.8"},
	}
	MultiCreate2 = Difference{
		Name:   "MultiCreate2",
		Before: "create2 in a multi is answered as create",
		After:  "it is answered with a Stat",
		Since:  []string{"3.8.2", "3.9.0"},
		Shown:  []string{"multi/create_results", "stat/one_transaction"},
	}
	MultiContainers = Difference{
		Name:   "MultiContainers",
		Before: "createContainer in a multi makes what its flags say, a plain node for 0",
		After:  "it makes a container",
		Since:  []string{"3.9.0"},
		Shown:  []string{"multi/container_by_flag", "multi/sequence"},
	}
	MultiFlags = Difference{
		Name:   "MultiFlags",
		Before: "flags that do not exist fail their operation of a multi",
		After:  "they make the multi malformed",
		Since:  []string{"3.9.0"},
		Shown:  []string{"multi/flags"},
	}
	MultiNullPath = Difference{
		Name:   "MultiNullPath",
		Before: "a null path in a multi is answered with an error and a body, and its zxid appears with the next request",
		After:  "it is answered with an error that has a zxid",
		Since:  []string{"3.9.0"},
		Shown:  []string{"multi/null_path"},
	}
	MalformedWritesAreFree = Difference{
		Name:   "MalformedWritesAreFree",
		Before: "a write that cannot be decoded takes a zxid",
		After:  "it takes none, unless it is a multi",
		Since:  []string{"3.9.0"},
		Shown:  []string{"framing/malformed_writes"},
	}
	DeleteContainer = Difference{
		Name:   "DeleteContainer",
		Before: "deleteContainer from a client is always refused",
		After:  "it deletes a container, or any node without children, and needs no permission",
		Since:  []string{"3.9.0"},
		Shown:  []string{"container/delete_container", "container/delete_container_of_others"},
	}
	NullPathWatches = Difference{
		Name:   "NullPathWatches",
		Before: "some operations on watches cannot handle a null path",
		After:  "to them it is a path like others",
		Since:  []string{"3.9.0"},
		Shown:  []string{"watches/null_path", "data/paths"},
	}
	IPv6ACLs = Difference{
		Name:   "IPv6ACLs",
		Before: "ACLs of the scheme ip take addresses of IPv4",
		After:  "and of IPv6",
		Since:  []string{"3.9.4"},
		Shown:  []string{"acl/fixup_ip6"},
	}
)

// Differences is all of them.
var Differences = []Difference{
	EventZxids, WatchModesCoexist, WatchTypes, ChecksOwnWatches, ExistsNeedsRead, CheckOnlyInMulti,
	MultiCreate2, MultiContainers, MultiFlags, MultiNullPath, MalformedWritesAreFree, DeleteContainer,
	NullPathWatches, IPv6ACLs,
}

// In tells whether a release, such as 3.9.5, has what came with the difference.
func (d Difference) In(version string) bool {
	for _, since := range slices.Backward(d.Since) {
		if line(version) == line(since) {
			return compareVersions(version, since) >= 0
		}
		if compareVersions(version, since) > 0 {
			return since == d.Since[len(d.Since)-1] // else its line never got it
		}
	}
	return false
}

// line returns what releases that differ in the last number have in common: 3.9 for 3.9.5.
func line(version string) string {
	n := append(parseVersion(version), 0, 0)
	return fmt.Sprintf("%d.%d", n[0], n[1])
}

// Has tells whether this release has what came with a difference.
func (in Install) Has(d Difference) bool { return d.In(in.Version) }

// Profile is the name that transcripts, and the simulator, have for what this release does: "3.8" or
// "3.9". The former was recorded from Debian's 3.8.0, the latter from 3.9.5.
func (in Install) Profile() string {
	if compareVersions(in.Version, "3.9") < 0 {
		return "3.8"
	}
	return "3.9"
}

// Has tells whether the server has what came with a difference.
func (s *Server) Has(d Difference) bool { return s.install.Has(d) }

// Has tells whether the servers have what came with a difference.
func (e *Ensemble) Has(d Difference) bool { return e.members[0].Has(d) }
