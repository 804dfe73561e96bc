// Command zksim is a ZooKeeper server in memory, for tests of programs in any
// language. It starts in milliseconds, speaks ZooKeeper's own protocol, and
// forgets everything when it ends.
//
//	zksim                                               # serves on 127.0.0.1:2181
//	zksim --listen 127.0.0.1:0 --tick-time 200          # on a free port, with sessions that expire quickly
//	zksim --config /etc/zookeeper/conf/zoo.cfg          # with the settings of a real server
//	ZKSIM_SET='enforceQuota=true;skipACL=yes' zksim     # with two settings of ZooKeeper's own
//	zksim ctl expire 0x100002f3ab10000                  # an order to one that runs
//	zksim version
//
// zksim is short for zksim serve. When clients can connect, it prints one line
// on standard output; a script that asked for port 0 finds the port there:
//
//	zksim: ready clients=127.0.0.1:41373 http=127.0.0.1:8080
//
// All else is on standard error: first the seed of this run, then warnings, one
// line each.
//
// SIGTERM and SIGINT end it with status 0; a second signal ends it at once. The
// status is 2 if a flag, a variable, a file or a setting is wrong, and 1 if the
// machine refuses, because the port is in use or the host is not one of its
// own. In both cases one line on standard error says what it was.
//
// # Flags
//
// --listen HOST:PORT is where clients connect; 127.0.0.1:2181 by default. Port
// 0 picks a free one. Clients need no permission to connect, so an address that
// other machines can reach, such as :2181, is worth a warning.
//
// --members N makes an ensemble of N servers, 1 to 254. Clients connect to each
// one on a port of its own: --listen says the first, the others follow it, or
// are picked too if that is 0. The ready line lists all of them.
//
// --observers I,J are those of them that have no vote. --joiners I,J are in no configuration
// yet: they follow the leader without a vote, until a client's reconfig takes them in, for
// which --set reconfigEnabled=true is needed; GET /sim/v1/state has what such a request says
// of a member, its spec. With --set readonlymode.enabled=true --set localSessionsEnabled=true
// members without a quorum serve clients that only want to read.
//
// --election-time MS is how long nobody leads an ensemble, and so nobody is served, when it
// needs another leader; 0 by default.
//
// --http HOST:PORT is where the HTTP side listens, see below; 127.0.0.1:8080 by
// default. Port 0 picks a free one, and off leaves it away. If the default
// address is in use, a free port takes its place, and a warning says so.
//
// --http-token TOKEN is what every request to the HTTP side must carry, as
// Authorization: Bearer TOKEN. An address that other machines can reach needs
// one. Other users of this machine can see a flag; they cannot see ZKSIM_HTTP_TOKEN.
//
// --tick-time MS is ZooKeeper's unit of time, in milliseconds; 2000 by default.
// A session expires between its timeout and one tick later.
//
// --min-session-timeout MS and --max-session-timeout MS bound the session
// timeout that clients get; 2 and 20 ticks by default.
//
// --compat 3.8 behaves as ZooKeeper 3.8.0, 3.9 (the default) as 3.9.5, where
// the two differ.
//
// --seed N makes the ids and passwords of sessions those of the run that
// printed this seed. 0, the default, takes the seed from the clock.
//
// --load FILE starts with a snapshot: one that --save has left, or one of a real
// ZooKeeper's data folder, version-2/snapshot.ZXID, plain or gzip. Its sessions
// are there, with their full timeouts before them.
//
// --save FILE writes a snapshot when zksim ends, over an older file only when the
// new one is whole. It has ZooKeeper's own format: put into the data folder of a
// real server as version-2/snapshot.ZXID, it is where that one starts from.
//
// --faults FILE puts a plan of faults between the clients and the server: lost
// replies, broken connections, a slow network. Package faults has the language,
// such as
//
//	cut after-reply create /lock/** #1
//
// Each fault that happens is a line on standard error. While zksim runs, rules come
// and go over HTTP, see below.
//
// --tls-listen HOST:PORT is what ZooKeeper calls the secure client port; member i of
// an ensemble has the i-th port from it on. The server's certificate and its key are
// in --tls-cert FILE and --tls-key FILE, in PEM form. --tls-ca FILE has the
// certificates of those who sign the certificates of clients: then each client has
// to show one, and its subject, as Java prints it, is an id of the scheme x509:
// CN=ada,O=Engines,C=GB. With --set ssl.clientAuth=want it need not. The ready line ends with tls= and the addresses.
//
// --sasl-user USER:PASSWORD, which may be given more than once, is what a user has
// in the JAAS file of a real server: clients can authenticate by SASL, with DIGEST-MD5,
// and ACLs can name them by the scheme sasl. --set sessionRequireClientSASLAuth=true
// has all of them do so. Other users of this machine can see a flag; in
// ZKSIM_SASL_USER users are separated as settings are in ZKSIM_SET.
//
// --config FILE reads ZooKeeper's configuration file, zoo.cfg, in the syntax of
// Java's properties files.
//
// --set KEY=VALUE is one line of such a file; it may be given more than once.
//
// # Environment
//
// Each flag is an environment variable as well: ZKSIM_LISTEN, ZKSIM_MEMBERS,
// ZKSIM_OBSERVERS, ZKSIM_JOINERS, ZKSIM_ELECTION_TIME, ZKSIM_HTTP,
// ZKSIM_HTTP_TOKEN, ZKSIM_TICK_TIME, ZKSIM_MIN_SESSION_TIMEOUT, ZKSIM_MAX_SESSION_TIMEOUT,
// ZKSIM_COMPAT, ZKSIM_SEED, ZKSIM_TLS_LISTEN, ZKSIM_TLS_CERT, ZKSIM_TLS_KEY, ZKSIM_TLS_CA, ZKSIM_SASL_USER,
// ZKSIM_LOAD, ZKSIM_SAVE, ZKSIM_FAULTS, ZKSIM_CONFIG, ZKSIM_SET. In ZKSIM_SET settings are
// separated by newlines or, if there is none, by semicolons. An empty variable
// counts as not set.
//
// Flags win over the environment, the environment over the configuration file.
// Within one of these, zksim's own name for something wins over ZooKeeper's:
// --tick-time over --set tickTime.
//
// # ZooKeeper's settings
//
// Settings go by ZooKeeper's names, as in zoo.cfg, or by those of its Java
// properties, such as zookeeper.skipACL. What has an effect is listed with
// package memserver's Config. Everything else that ZooKeeper 3.8 or 3.9 knows
// is accepted and has none; what they do not know is named in one warning.
// Defaults are ZooKeeper's, with the tickTime of its sample configuration:
// so maxClientCnxns is 60, and the only four-letter word that is answered is srvr.
//
// clientPort and clientPortAddress say where to listen, as in ZooKeeper: a
// clientPort alone listens on all addresses. --listen wins over them, so a
// configuration file of a real server can be used beside that server. For the
// same reason the settings of AdminServer, admin.serverPort and its like, have no
// effect: --http is where its commands are.
//
// # The HTTP side
//
// It takes orders and shows what there is. Answers are JSON; an error is
// {"error": "..."} and says what to send instead. Session ids and zxids are
// 0x and hexadecimal digits, as ZooKeeper prints them.
//
//	curl -X POST 127.0.0.1:8080/sim/v1/sessions/0x100002f3ab10000/expire
//	curl -d '{"advance":"30s"}' 127.0.0.1:8080/sim/v1/clock
//
//	GET  /sim/v1                           the list of all this
//	GET  /sim/v1/state                     the server, its sessions and watches
//	POST /sim/v1/sessions/{id}/expire      ends a session, as its timeout would
//	POST /sim/v1/sessions/{id}/disconnect  breaks a session's connection; the session lives on
//	POST /sim/v1/sessions/{id}/stall       its client hears nothing more; what it asks is done
//	POST /sim/v1/sessions/{id}/resume      what was kept arrives at once
//	POST /sim/v1/members/{i}/stop, /start  a member of the ensemble crashes, or comes back
//	POST /sim/v1/members/{i}/isolate, /rejoin   it is cut off from the others, or no longer
//	POST /sim/v1/members/{i}/sever, /mend  {"to":2}: that one does not hear it any more, or again
//	POST /sim/v1/members/{i}/lag           {"hold":true}, {"txns":3}, {"time":"2s"} or {}: it stays behind
//	POST /sim/v1/members/{i}/apply         {"txns":1}: one that lags applies the next ones, and then no more
//	POST /sim/v1/leader                    {"member":1} elects a member
//	POST /sim/v1/clock                     {"advance":"30s"} moves the server's clock
//	POST /sim/v1/counters                  {"path":"/jobs","creations":2147483647}: counters of a node, to see them overflow
//	POST /sim/v1/zxid                      {"zxid":"0xfffffff0"}: goes on from there
//	POST /sim/v1/next-session              {"session":"0xfffffffffffffe"}: the next session has that id
//	GET  /sim/v1/faults                    the rules of what goes wrong, and how often each has fired
//	POST /sim/v1/faults                    more rules, as text or JSON; PUT has other rules instead
//	DELETE /sim/v1/faults                  no rules any more; tells how often they have fired
//	GET  /sim/v1/tree?path=/a              the nodes at and below a path, or all
//	POST /sim/v1/restart                   connections and watches are lost, tree and sessions are not
//	POST /sim/v1/reset                     all nodes and sessions go, as in a new server, or to what --load has read
//	GET  /sim/v1/snapshot                  the state as a snapshot file of ZooKeeper's
//	PUT  /sim/v1/snapshot                  goes on with such a file, of up to 256 MiB
//	GET  /sim/v1/events                    what happens from now on, as server-sent events
//	GET  /commands, /commands/{name}       ZooKeeper's own admin commands, with its JSON keys
//	GET  /metrics                          ZooKeeper's metrics under its own names, for Prometheus
//	GET  /sim/v1/members/{i}/commands/{name}, /metrics   both for one member of an ensemble; without it, of the first
//
// When an order has been answered, it has been carried out: who then asks the
// server sees its effects. The clock moves from deadline to deadline; clients
// that are connected count as pinging all the while, so only sessions without a
// connection expire.
//
// A client that is stalled and waits for its pings to be answered gives its connection up
// after a while and comes back on another one, which is not stalled; its session lives on.
//
// The counters of a node are version (changes of its data), creations (of children, from
// which the names of sequential ones are made) and aversion (changes of its ACL), as of a
// new node where they are not said. A zxid only goes forward. Of an ensemble, the last one
// of an epoch, 0xffffffff in the lower half, makes the leader resign. The id of a
// session is the number of its member and 14 hexadecimal digits, which are what is set.
//
// A reset or a snapshot does not set back the zxid or the session ids, so that
// clients that live through it find their way: to their session, if the snapshot
// has it; otherwise they learn that it has expired. Watches that clients set
// again do not tell what the snapshot has changed.
//
// A rule of faults is a line in the language of package faults, or the same as JSON,
// {"rules": [...]}; an error has its line and column. Rules are in force when the
// request has been answered, also for clients that are connected already:
//
//	curl -d 'cut after-reply create /lock/** once' 127.0.0.1:8080/sim/v1/faults
//	{"seed":0,"rules":[{"text":"cut after-reply create /lock/** once","rule":{...},"fired":0}],"fired":0}
//
// A rule with client=member2 is about the connections to member 2 of an ensemble: with
// refuse client=member2 and silence both-ways client=member2 its clients are cut off from
// it, and the member is not cut off from the others.
//
// POST leaves the counts of the rules that are there alone; the times of a new
// rule, from and to, are since it came, by the clock of this machine, which no order
// moves. PUT counts anew. Rules stay over a reset and a restart.
//
// An event of the stream is named by its kind: commit (a transaction, also one
// that failed: op, path, error, changes), waiting (a request, for
// members to hear each other: op, path), opened, connected, disconnected, closed,
// expired (what becomes of a session), watch (an event on its way to a session:
// type, path), fault (a rule that has fired: rule, op, path), reset. Its data is JSON with the kind, the time on the server's
// clock, the zxid and the session. What happens after the headers have come is in
// the stream. A client that lets more than 65536 events wait is told so by an
// event named end, with which the stream ends.
//
//	curl -N 127.0.0.1:8080/sim/v1/events
//	event: commit
//	data: {"kind":"commit","time":"...","zxid":"0x3","session":"0x100002f3ab10000","op":"create","path":"/a",...}
//
// Everybody on this machine may send requests, but no page in a browser may:
// what has a foreign Host or Origin is refused with status 403. Bodies are
// limited to 64 KiB, and a client that takes more than a minute to send or to
// read loses its connection.
//
// # zksim ctl
//
// zksim ctl sends these requests from a shell, to the zksim whose HTTP side is at
// --http or ZKSIM_HTTP, 127.0.0.1:8080 by default, with the token in --http-token or
// ZKSIM_HTTP_TOKEN. It prints lines for people or, with --json, the answers as they come.
//
//	zksim ctl state
//	zksim ctl tree /services
//	zksim ctl expire 0x100002f3ab10000
//	zksim ctl disconnect 0x100002f3ab10000
//	zksim ctl stall 0x100002f3ab10000
//	zksim ctl resume 0x100002f3ab10000
//	zksim ctl advance 30s
//	zksim ctl member 1 stop
//	zksim ctl member 2 lag hold
//	zksim ctl member 2 apply 1
//	zksim ctl leader 3
//	zksim ctl set zxid 0xfffffff0
//	zksim ctl set session 0xfffffffffffffe
//	zksim ctl set /jobs creations=2147483647
//	zksim ctl faults add 'cut after-reply create /lock/** once'
//	zksim ctl faults clear
//	zksim ctl save fixture.snapshot
//	zksim ctl load fixture.snapshot
//	zksim ctl reset
//	zksim ctl restart
//	zksim ctl events
//	zksim ctl admin server_stats
//	zksim ctl admin leader 2                            # what member 2 would say
//
// The status is 0 when the order has been carried out, 2 for wrong usage and for files that
// cannot be opened, and 1 if the server refuses or does not answer.
//
// # From Python
//
// With kazoo, a test says what happens to its client like this; cmd/zksim/examples
// has more, as programs that the tests of zksim run:
//
//	def order(path, body=None):
//	    data = json.dumps(body).encode() if body else b""
//	    urllib.request.urlopen(f"http://127.0.0.1:8080/sim/v1/{path}", data=data).read()
//
//	client = KazooClient("127.0.0.1:2181")
//	client.start()
//	order(f"sessions/{client.client_id[0]:#x}/expire")
//
// CuratorSurvives.java beside them is the same for Java, with Curator.
package main
