package main

// usage fits a screen of 24 lines. The long version is in doc.go.
const usage = `zksim - a ZooKeeper server in memory, for tests

Usage: zksim [serve] [flags]
       zksim version

  --listen HOST:PORT        where clients connect, port 0 picks (127.0.0.1:2181)
  --http HOST:PORT|off      the HTTP side, port 0 picks (127.0.0.1:8080)
  --http-token TOKEN        what requests must carry; needed beyond loopback
  --tick-time MS            ZooKeeper's unit of time (2000)
  --min-session-timeout MS  the least that clients may ask for (2 ticks)
  --max-session-timeout MS  the most that clients may ask for (20 ticks)
  --compat 3.8|3.9          the ZooKeeper to behave as (3.9)
  --seed N                  gives the session ids of the run that printed it
  --config FILE             ZooKeeper's settings, from a zoo.cfg
  --set KEY=VALUE           one of ZooKeeper's settings; may be repeated

Each flag is an environment variable too: --tick-time is ZKSIM_TICK_TIME.
Flags win over the environment, and that over the file.

Examples:
  zksim --listen 127.0.0.1:0 --tick-time 200
  zksim --config /etc/zookeeper/conf/zoo.cfg --listen 127.0.0.1:2181
  ZKSIM_SET='enforceQuota=true;4lw.commands.whitelist=*' zksim --compat 3.8
`
