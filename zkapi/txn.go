package zkapi

import (
	"context"
	"slices"
	"time"
)

// Txn collects the operations of a Multi. Its methods return it, so that a
// transaction reads as one expression:
//
//	results, err := zkapi.NewTxn(c).Check("/leader", 3).Set("/config", data, 7).Commit(ctx)
//
// It is not safe for concurrent use. Commit leaves it as it is: after
// ErrConnectionLoss it can be committed again by whoever knows that this is safe.
type Txn struct {
	c   Client
	ops []Op
}

// NewTxn begins a transaction on c. Nothing is sent before Commit.
func NewTxn(c Client) *Txn { return &Txn{c: c} }

// Create makes a node, as Client.Create does.
func (t *Txn) Create(path string, data []byte, acl []ACL, mode CreateMode) *Txn {
	return t.Add(CreateOp(path, data, acl, mode))
}

// CreateTTL makes a node with a time to live, as Client.CreateTTL does.
func (t *Txn) CreateTTL(path string, data []byte, acl []ACL, mode CreateMode, ttl time.Duration) *Txn {
	return t.Add(CreateTTLOp(path, data, acl, mode, ttl))
}

// Delete removes a node, as Client.Delete does.
func (t *Txn) Delete(path string, version int32) *Txn { return t.Add(DeleteOp(path, version)) }

// Set replaces the data of a node, as Client.Set does.
func (t *Txn) Set(path string, data []byte, version int32) *Txn {
	return t.Add(SetOp(path, data, version))
}

// Check makes the transaction fail unless the node exists with this version.
// With AnyVersion it is the fence of a lock: it fails when the lock's node is gone.
func (t *Txn) Check(path string, version int32) *Txn { return t.Add(CheckOp(path, version)) }

// Add appends operations made elsewhere.
func (t *Txn) Add(ops ...Op) *Txn {
	t.ops = append(t.ops, ops...)
	return t
}

// Ops returns a copy of the operations so far.
func (t *Txn) Ops() []Op { return slices.Clone(t.ops) }

// Commit does all of the operations or none, in the order in which they were
// added. Results and errors are those of Client.Multi.
func (t *Txn) Commit(ctx context.Context) ([]OpResult, error) { return t.c.Multi(ctx, t.ops...) }
