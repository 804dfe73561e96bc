module github.com/z-division/go-zookeeper

go 1.26

require github.com/samuel/go-zookeeper v0.0.0-20201211165307-7117e9ea2414
