// Package control is the HTTP side of zksim: orders to a simulated ZooKeeper,
// and looks at it, from programs in any language.
//
//	side := control.New(srv, control.Options{})
//	go side.Serve(listener)
//	defer side.Close()
//
// go doc ./cmd/zksim is the manual of what it answers; GET /sim/v1 lists it.
//
// Everybody who can reach the address may use it, as long as that is only this
// machine: then a request whose Host or Origin says that it was meant for
// another one, because a browser was tricked into sending it, is refused. An
// address that other machines can reach needs a token, see CheckBind.
package control
