package recipes

import (
	"context"
	"errors"

	"github.com/zksim/zksim/zkapi"
)

// revocation is the data of the node of something that somebody wants to have
// back; Curator's Revoker writes the same.
const revocation = "__REVOKE__"

// Revoke asks the holder of a node, or whoever waits with it, to give back what
// it stands for. Nothing is forced: see Hold.Revoked. It is no error if the node
// is gone. [Lock.ContenderNodes] tells the paths of nodes.
func Revoke(ctx context.Context, c zkapi.Client, node string) error {
	_, err := c.Set(ctx, node, []byte(revocation), zkapi.AnyVersion)
	if errors.Is(err, zkapi.ErrNoNode) {
		return nil
	}
	return err
}

// Revoked is closed when somebody has called Revoke for what is held, or
// Curator's Revoker. It is for the holder to release it then.
func (h *Hold) Revoked() <-chan struct{} {
	if h == nil {
		return closed
	}
	return h.revoked
}

// readRevocation looks whether somebody wants to have it back.
func (h *Hold) readRevocation() {
	if string(h.p.data) != revocation {
		return
	}
	select {
	case <-h.revoked:
	default:
		close(h.revoked)
	}
}
