// Package watchers follows what is in ZooKeeper, for as long as a loop or a
// context lasts, over lost connections and sessions:
//
//	for node, err := range watchers.Data(ctx, c, "/config") {
//		if err != nil {
//			return err // ctx has ended, or c is closed, or /config may not be read
//		}
//		configure(node.Exists, node.Data) // now, and after every change
//	}
package watchers
