package realserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ElectAnother restarts the leader and returns the one that the others have elected in the meantime; the
// old one is a follower when it returns. ZooKeeper itself offers no way to change the leader. The others
// elect the member that has logged most, and of equal ones that with the highest ID.
//
// Clients see what they see when a leader crashes: every connection to every member is closed, writes on
// their way have an unknown outcome, sessions live on.
func (e *Ensemble) ElectAnother(ctx context.Context) (*Server, error) {
	ctx, cancel := limited(ctx, startLimit)
	defer cancel()
	old, err := e.Leader(ctx)
	if err != nil {
		return nil, err
	}
	if err := old.Stop(); err != nil {
		return nil, err
	}
	next, err := e.Leader(ctx)
	if err = errors.Join(err, old.Restart(ctx)); err != nil {
		return nil, err
	}
	return next, nil
}

// Elect makes a member the leader, by restarting others until it is elected. Nothing happens if it leads
// already. Where it has the highest ID, one election will usually do. Otherwise there are two, and a
// session comes and goes in between, so that the member has logged more than those that must vote for it:
// this takes an odd number of voting members. All members are up when it returns.
func (e *Ensemble) Elect(ctx context.Context, s *Server) error {
	ctx, cancel := limited(ctx, startLimit)
	defer cancel()
	if !slices.Contains(e.members, s) || !s.votes() {
		return errors.New("realserver: only voting members of the ensemble can be elected")
	}
	if err := e.startStopped(ctx); err != nil {
		return err
	}
	leader, err := e.Leader(ctx)
	if err != nil || leader == s {
		return err
	}
	if s.ID() == slices.Max(e.voterIDs()) {
		if next, err := e.ElectAnother(ctx); err != nil || next == s {
			return err
		}
	}
	return e.electAhead(ctx, s)
}

// electAhead has a quorum without some members log more than these, and then the one that is to lead
// find itself alone with them.
func (e *Ensemble) electAhead(ctx context.Context, s *Server) error {
	ids := e.voterIDs()
	if len(ids)%2 == 0 {
		return fmt.Errorf("realserver: cannot have member %d elected by an even number of voting members", s.ID())
	}
	ids = slices.DeleteFunc(ids, func(id int) bool { return id == s.ID() })
	behind, ahead := ids[:len(ids)/2], ids[len(ids)/2:]
	err := e.stop(behind)
	if err == nil {
		_, err = e.Leader(ctx)
	}
	if err == nil {
		err = s.commit(ctx)
	}
	if err == nil {
		err = e.stop(ahead)
	}
	if err == nil {
		err = e.restart(ctx, behind)
	}
	if err != nil {
		return err
	}
	leader, err := e.Leader(ctx)
	if err == nil && leader != s {
		err = fmt.Errorf("realserver: member %d was elected, not %d", leader.ID(), s.ID())
	}
	return errors.Join(err, e.startStopped(ctx))
}

func (e *Ensemble) voterIDs() []int {
	var ids []int
	for _, s := range e.members {
		if s.votes() {
			ids = append(ids, s.ID())
		}
	}
	return ids
}

func (e *Ensemble) stop(ids []int) error {
	return e.some(ids, (*Server).Stop)
}

func (e *Ensemble) restart(ctx context.Context, ids []int) error {
	return e.some(ids, func(s *Server) error { return s.Restart(ctx) })
}

// startStopped starts the members that do not run.
func (e *Ensemble) startStopped(ctx context.Context) error {
	err := e.each(func(s *Server) error {
		if s.Running() {
			return nil
		}
		return s.Restart(ctx)
	})
	if err != nil {
		return err
	}
	return e.WaitServing(ctx)
}

// commit makes a transaction through a member, and returns when it has applied it.
func (s *Server) commit(ctx context.Context) error {
	conn, err := s.resume(ctx, 0, nil, closeSession)
	if err != nil {
		return err
	}
	return errors.Join(conn.awaitReply(), conn.Close())
}
