// Package transcript runs transcripts of conversations with a ZooKeeper server:
// text files that say what is sent, byte for byte if need be, and what comes back.
//
//	# A sequential node's number counts creations; deleting does not give it back.
//
//	a connect
//	----
//	zxid+1 connected timeout=10000
//
//	- a create /q
//	a create /q/n- sequential
//	a delete /q/n-0000000000
//	a create /q/n- sequential
//	----
//	zxid+1 /q/n-0000000000
//	zxid+1
//	zxid+1 /q/n-0000000001
//
// [Run] plays all transcripts of a folder on a [Backend], something that starts
// servers, and compares. [Update] writes what a real server prints into the
// files. So one set of files holds a simulator to what ZooKeeper does:
//
//	transcript.Run(t, os.DirFS("testdata/transcripts"), backend)
//
// # The file
//
// A file begins with a comment that says what it shows and why that matters.
// Then come steps: commands, a line of four dashes, and the lines that the
// commands print, up to an empty line. More expectations may follow:
//
//	---- 3.8     what servers of the profile 3.8 print instead
//	---- or      what may be printed as well, where it is a matter of luck
//
// Before the first step there may be directives:
//
//	server fresh            a server of its own, where the root's counters or the zxid 0 matter
//	server tickTime=100     settings, as in zoo.cfg, on top of DefaultSettings
//	server -key             without a setting
//	skip NAME: reason       not on backends, or profiles, of that name; "client" are those without Dial
//	only NAME: reason       on no other backends
//	option event-zxid       print the zxids of events
//	option times            print how mtime compares to ctime
//
// # Commands
//
// Lines that are indented belong to the command above them. Most commands begin
// with the name of a connection.
//
//	a connect               open a connection and a session, and ping, to see the zxid
//	a handshake             the same without ping; prints the response field by field
//	    timeout=10000 zxid=0 session=b password=wrong|null|TEXT readOnly=true|false|absent protocol=0
//	a reconnect             close, and connect with the same session
//	a open                  open a connection, send nothing
//	a close                 close it and leave the session
//	a stall                 send no more pings while time passes
//	a create /p data=x      a request, and what comes until its reply; see below
//	a send create /p        a request, without waiting
//	a pipeline              the requests below, in one write; the first may be connect
//	a multi, a multiRead    the operations below; "op type=N ATOMS" and "raw ATOMS" are put in as they stand
//	a events                what has come by now: a ping's reply closes the list
//	a closed?               what comes until the server closes the connection
//	a request op=4 ATOMS    a request with any body
//	a frame ATOMS           any frame
//	a write ATOMS           any bytes
//	a response              read the response to a connect request that was sent as a frame
//	a text                  read all that comes, to the end
//	a password, a id        how the session's password and id are made
//	flw ruok                a four-letter word, on a connection of its own
//	    keys only=a,b match=REGEXP before=LINE sorted
//	advance 3s              let time pass: at once if the backend can, really if not
//	advance 3s until b events=2     or until then; also: until b closed
//	restart                 stop the server and start it again
//	mark name               remember the latest zxid under a name
//	for v in 1 "x y"        the commands below for each value of $v (${v}: without its quotes), one line each
//	- COMMAND               print nothing, unless it is an error
//	sorted COMMAND          print the lines, and lists in them, in order
//
// In a multi or pipeline, "repeat 100 create /n$i" stands for so many lines.
//
// The requests have ZooKeeper's names and these arguments:
//
//	create, create2, createContainer, createTTL PATH data= acl= flags= ttl= ephemeral sequential
//	delete, check, setData PATH version= data=
//	exists, getData, getChildren, getChildren2 PATH watch
//	getACL, sync, getAllChildrenNumber, getEphemerals, deleteContainer PATH
//	setACL PATH acl= version=
//	auth SCHEME CREDENTIALS, whoAmI, ping, closeSession, sasl token=
//	addWatch PATH persistent|recursive|mode=N
//	checkWatches, removeWatches PATH type=N
//	setWatches, setWatches2 zxid= data= exist= child= persistent= recursive=
//	reconfig joining= leaving= members= version=
//
// and all of them xid=. Words may be quoted as in Go. null is a null path or
// data, bytes(100) data of that length. An ACL is a list like
// world:anyone:cdrwa,digest:hash(user:password):1, or empty, or null. Zxids may
// be given as now+1 or with a mark. Atoms are int:5 long:-1 bool:1 str:/a
// buf:"x y" acl:world:anyone:31 strs:/a,/b zeros:100 hex:00ff text:ruok.
//
// # Without the protocol
//
// An [Instance] without Dial is asked by the clients that its Connect makes. A
// command is then a call of zkapi.Client, and what it prints is the same, but
// for what a client does not show:
//
//   - Events that come together may come in any order, since each watch has a
//     channel of its own. What clients make up themselves does not count.
//   - Zxids are left out, unless Instance.Zxid tells the latest.
//   - A step with a command that changes nothing and cannot be said (a four-letter
//     word, a read of a null path, "checkWatches", the fields of a handshake) is
//     done without it, and not compared.
//   - At any other command that cannot be said (frames, xids, pipelines, setWatches,
//     nulls, a connection that comes back without its watches) the transcript
//     ends and counts as skipped.
//
// # What is printed
//
// A reply is printed as: its xid, if it is not the usual one; its zxid, if it is
// not the latest seen, as zxid+1 or, for the special values, zxid=-1; the name of
// its error, or its body, or ok. In a Stat, zxids are relative to the latest
// (now-2), fields that are zero are left out, and so are mzxid and pzxid where
// they equal czxid, and times unless they contradict that. Sessions are named
// after the connection that started them. An event looks like
//
//	event Created /p
//
// and is printed before the reply that it came before.
package transcript
