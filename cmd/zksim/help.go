package main

// usage fits a screen of 24 lines. The long version is in doc.go.
const usage = `zksim - a ZooKeeper server in memory, for tests

Usage: zksim [serve] [flags], or zksim version
       zksim ctl COMMAND     gives orders to one that runs; see zksim ctl --help

  --listen HOST:PORT        where clients connect, port 0 picks (127.0.0.1:2181)
  --members N               an ensemble of N, on consecutive ports (1)
  --observers I,J  --joiners I,J  --election-time MS  of it (none, none, 0)
  --http HOST:PORT|off      the HTTP side, port 0 picks (127.0.0.1:8080)
  --http-token TOKEN        what requests must carry; needed beyond loopback
  --tick-time MS            ZooKeeper's unit of time (2000)
  --min-session-timeout MS  --max-session-timeout MS  of clients (2, 20 ticks)
  --compat 3.8|3.9          the ZooKeeper to behave as (3.9)
  --seed N                  gives the session ids of the run that printed it
  --tls-listen HOST:PORT  --tls-cert FILE  --tls-key FILE  --tls-ca FILE  TLS
  --sasl-user USER:PASSWORD  a user of SASL, DIGEST-MD5; may be repeated
  --load FILE  --save FILE  a snapshot to start with, and to leave at the end
  --faults FILE             what goes wrong, see go doc ./faults
  --config FILE  --set KEY=VALUE  ZooKeeper's settings: a zoo.cfg, one by one

Each flag is an environment variable too: --tick-time is ZKSIM_TICK_TIME.
  zksim --config /etc/zookeeper/conf/zoo.cfg --members 3
  ZKSIM_SET='enforceQuota=true;4lw.commands.whitelist=*' zksim --compat 3.8
`

const ctlUsage = `zksim ctl - orders to a zksim that runs

Usage: zksim ctl [flags] COMMAND
  state               the server, its sessions and watches
  tree [PATH]         the nodes at and below a path, or all
  expire ID...        ends sessions, as their timeouts would; ids are 0x and hex
  disconnect ID...    breaks sessions' connections; the sessions live on
  stall ID...         their clients hear nothing; what they ask is done
  resume ID...        ends that
  advance DURATION    moves the clock, by 30s or 1h30m; what is due happens
  restart             connections and watches are lost, tree and sessions not
  reset               all nodes and sessions go
  member I stop|start|isolate|rejoin|sever J|mend J|lag WHAT|apply N  hold|3|2s
  leader I            elects a member
  set zxid|session|PATH VALUE...  counters near overflow: set /a creations=7
  faults [add|replace RULE...|load FILE|clear]  what goes wrong, how often
  save FILE           writes the state as a snapshot file of ZooKeeper's
  load FILE           goes on with such a file
  events              prints what happens, until it is interrupted
  admin COMMAND [I]   one of ZooKeeper's own, such as server_stats; of member I

  --http HOST:PORT    where zksim has its HTTP side (127.0.0.1:8080); ZKSIM_HTTP
  --http-token TOKEN  --json  if it needs one; the answers as they come
`
