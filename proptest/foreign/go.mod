module github.com/zksim/zksim/proptest/foreign

go 1.26

require (
	github.com/go-zookeeper/zk v1.0.4
	github.com/kvtools/valkeyrie v1.0.0
	github.com/kvtools/zookeeper v1.0.2
	github.com/rpcxio/libkv v0.5.1
	github.com/samuel/go-zookeeper v0.0.0-20201211165307-7117e9ea2414
	github.com/stretchr/testify v1.12.1
	github.com/wvanbergen/kazoo-go v0.0.0-20180202103751-f72d8611297a
	github.com/zksim/zksim v0.0.0
)

require (
	github.com/anishathalye/porcupine v1.3.1 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)

replace github.com/zksim/zksim => ../..
