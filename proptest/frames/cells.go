package frames

import (
	"slices"
	"strings"
)

// reachable is what each request can be answered with, by the knowledge of the
// real server's order of checks. Behind a slash are conditions, see holds. -1 to
// -127 are codes; "closed" is a connection that ends without a reply.
const reachable = `
create           OK -5 -8 -101 -102/acl -108 -110 -114 -125/quota -6/!ttl -124/auth
create2          OK -5 -8 -101 -102/acl -108 -110 -114 -125/quota -6/!ttl -124/auth
createContainer  OK -5 -8 -101 -102/acl -108 -110 -114 -125/quota -6/!ttl -124/auth
createTTL        OK/ttl -5 -8 -101/ttl -102/acl,ttl -108/ttl -110/ttl -114/ttl -125/ttl,quota -6/!ttl -124/auth
delete           OK -5 -8 -101 -102/acl -103 -111 -124/auth
deleteContainer  OK/39 -5/39 -8 -101/39 -103/39 -111/39 -124/auth
exists           OK -5 -8 -101 -102/acl,39 -124/auth
getData          OK -5 -101 -102/acl -124/auth
setData          OK -5 -8 -101 -102/acl -103 -125/quota -124/auth
getACL           OK -5 -101 -102/acl -124/auth
setACL           OK -5 -8 -101 -102/acl -103 -114 -124/auth
getChildren      OK -5 -101 -102/acl -124/auth
getChildren2     OK -5 -101 -102/acl -124/auth
getAllChildrenNumber  OK -5 -101 -102/acl -124/auth
getEphemerals    OK -5 -124/auth
sync             OK -5 -124/auth
ping             OK -124/auth
whoAmI           OK -124/auth
check            silence/38 -5/38 -8/38 -101/38 -102/38,acl -103/38 -6/39 -124/auth
multi            OK -5 -124/auth
multi.create     OK -2 -8 -101 -102/acl -108 -110 -114 -125/quota
multi.create2    OK -2 -8 -101 -102/acl -108 -110 -114 -125/quota
multi.createContainer  OK -2 -8 -101 -102/acl -108 -110 -114 -125/quota
multi.createTTL  OK/ttl -2 -8 -101/ttl -102/acl,ttl -108/ttl -110/ttl -114/ttl -125/ttl,quota -6/!ttl
multi.delete     OK -2 -8 -101 -102/acl -103 -111
multi.setData    OK -2 -8 -101 -102/acl -103 -125/quota
multi.check      OK -2 -8 -101 -102/acl -103
multiRead        OK -5 -124/auth
multiRead.getData      OK -101 -102/acl
multiRead.getChildren  OK -101 -102/acl
reconfig         -5 -123/!reconfig -6/reconfig -124/auth
checkWatches     OK -5 -121 -124/auth
removeWatches    OK -5 -121 -124/auth
addWatch         OK -5 -124/auth
setWatches       OK -5 -124/auth
setWatches2      OK -5 -124/auth
auth             OK -115 closed
sasl             OK closed
createSession    OK -5 -124/auth
closeSession     OK -124/auth
connect          OK refused closed
taken            closed
raw              closed
unknown          -6 -124/auth
event            Created Deleted DataChanged ChildrenChanged
`

// holds tells whether the conditions of a cell are fulfilled by a profile.
func (p *Profile) holds(conditions string) bool {
	facts := map[string]bool{
		"38": p.V38, "39": !p.V38, "acl": p.Settings["skipACL"] != "yes", "quota": p.Settings["enforceQuota"] == "true",
		"ttl": p.Settings["extendedTypesEnabled"] != "false", "reconfig": p.Settings["reconfigEnabled"] == "true", "auth": p.EnforcesAuth,
	}
	for c := range strings.SplitSeq(conditions, ",") {
		name, negated := strings.CutPrefix(c, "!")
		if c != "" && facts[name] == negated {
			return false
		}
	}
	return true
}

// reach are the cells that servers of some profiles can fill.
func reach(profiles []Profile) map[cell]bool {
	cells := make(map[cell]bool)
	for _, word := range words {
		cells[cell{word, "text"}] = true
	}
	for line := range strings.Lines(reachable) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		for _, word := range words[1:] {
			col, conditions, _ := strings.Cut(word, "/")
			if slices.ContainsFunc(profiles, func(p Profile) bool { return p.holds(conditions) }) {
				cells[cell{words[0], col}] = true
			}
		}
	}
	return cells
}

// Empty names the cells in which a real server could have put something and has not.
func (m *Matrix) Empty(profiles ...Profile) (empty []string) {
	for c := range reach(profiles) {
		if m.cells[c] == 0 {
			empty = append(empty, c.row+" "+c.col)
		}
	}
	slices.Sort(empty)
	return empty
}

// Unknown names the cells in which it has put something against expectation.
func (m *Matrix) Unknown(profiles ...Profile) (unknown []string) {
	known := reach(profiles)
	for c := range m.cells {
		if !known[c] {
			unknown = append(unknown, c.row+" "+c.col)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// OutOfReach says which results no request can get from a stand-alone server.
func OutOfReach() string { return outOfReach }

const outOfReach = `Results that no request gets from a stand-alone server:
-1            SystemError: the server gives it to nobody
-3 -4 -7      DataInconsistency, ConnectionLoss, OperationTimeout: clients' own
-12           UnknownSession: the server gives it to nobody
-13 -14       NewConfigNoQuorum, ReconfigInProgress: reconfig of an ensemble; alone it is Unimplemented
-100          APIError: the bound of a range, no code
-112          SessionExpired: a request behind closeSession; the connection is closed first
-113 -116 -117  InvalidCallback, Closing, Nothing: clients' own
-118          SessionMoved: to another server; on the same one the old connection is closed
-119          NotReadOnly: a server without its ensemble
-120          EphemeralOnLocalSession: a local session, which is an ensemble's
-122          RequestTimeout: a write that an ensemble does not answer in time
-127          ThrottledOp: a server that is overloaded and set up to throttle
-2            RuntimeInconsistency: only behind or before the part at which a multi failed
reconfig OK   an ensemble's
deleteContainer OK, -101, -103, -111 with 3.8: it takes the request only from itself, and gives clients -8
check OK with 3.8: success has no reply; with 3.9 it is -6 outside of a multi
`
