package recipes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// ServiceType says how long the node of a service instance lives.
type ServiceType string

// The types of services, with Curator's names.
const (
	Dynamic           ServiceType = "DYNAMIC"            // as long as its session
	DynamicSequential ServiceType = "DYNAMIC_SEQUENTIAL" // the same, and several may have the same id: to their names a GUID and a counter are added
	Static            ServiceType = "STATIC"             // until it is unregistered
	Permanent         ServiceType = "PERMANENT"          // the same
)

// ServiceInstance is one provider of a service, in the form in which Curator's
// service discovery has it in ZooKeeper.
type ServiceInstance struct {
	Name             string          `json:"name"`
	ID               string          `json:"id"` // a GUID if it is left out
	Address          string          `json:"address"`
	Port             *int            `json:"port"`    // nil: none
	SSLPort          *int            `json:"sslPort"` // nil: none
	Payload          json.RawMessage `json:"payload"` // nil: none
	RegistrationTime int64           `json:"registrationTimeUTC"`
	Type             ServiceType     `json:"serviceType"` // Dynamic if it is left out
	URISpec          *URISpec        `json:"uriSpec"`     // nil: none
	Enabled          *bool           `json:"enabled,omitempty"`
}

// URISpec is how the address of a service becomes a URI.
type URISpec struct {
	Parts []URIPart `json:"parts"`
}

// URIPart is a piece of text, or of a variable the name.
type URIPart struct {
	Value    string `json:"value"`
	Variable bool   `json:"variable"`
}

var uriVariable = regexp.MustCompile(`\{([^{}]*)\}`)

// ParseURISpec takes a text such as "{scheme}://{address}:{port}/path" apart.
func ParseURISpec(text string) *URISpec {
	var u URISpec
	at := 0
	for _, m := range uriVariable.FindAllStringSubmatchIndex(text, -1) {
		if m[0] > at {
			u.Parts = append(u.Parts, URIPart{Value: text[at:m[0]]})
		}
		u.Parts = append(u.Parts, URIPart{Value: strings.TrimSpace(text[m[2]:m[3]]), Variable: true})
		at = m[1]
	}
	if at < len(text) {
		u.Parts = append(u.Parts, URIPart{Value: text[at:]})
	}
	return &u
}

// URI fills in the instance's URISpec. The variables are scheme, name, id,
// address, port, ssl-port, registration-time-utc and service-type, and what is
// given; those that have no value are empty.
func (x *ServiceInstance) URI(more map[string]string) string {
	if x.URISpec == nil {
		return ""
	}
	values := map[string]string{"scheme": "http", "name": x.Name, "id": x.ID, "address": x.Address,
		"registration-time-utc": strconv.FormatInt(x.RegistrationTime, 10), "service-type": strings.ToLower(string(x.Type))}
	if x.Port != nil {
		values["port"] = strconv.Itoa(*x.Port)
	}
	if x.SSLPort != nil {
		values["scheme"], values["ssl-port"] = "https", strconv.Itoa(*x.SSLPort)
	}
	for k, v := range more {
		values[k] = v
	}
	var b strings.Builder
	for _, part := range x.URISpec.Parts {
		if part.Variable {
			b.WriteString(values[part.Value])
		} else {
			b.WriteString(part.Value)
		}
	}
	return b.String()
}

func (x *ServiceInstance) usable() bool { return x.Enabled == nil || *x.Enabled }

// Discovery registers instances of services and finds those of others: Curator's
// ServiceDiscovery, on the same nodes. Keep one for a base path.
type Discovery struct {
	c    zkapi.Client
	base string
	opts []func(*Options)

	mu   sync.Mutex
	mine map[string]*PersistentNode // by name and id
}

// NewDiscovery makes a discovery below a node, which is made when it is needed.
func NewDiscovery(c zkapi.Client, base string, opts ...func(*Options)) *Discovery {
	return &Discovery{c: c, base: base, opts: append([]func(*Options){func(o *Options) { o.Containers = true }}, opts...), mine: make(map[string]*PersistentNode)}
}

func (d *Discovery) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("discovery %s: %w", d.base, err)
}

func (d *Discovery) complete(x ServiceInstance) (ServiceInstance, []byte, error) {
	if x.ID == "" {
		x.ID = newGUID().dashed()
	}
	if x.Type == "" {
		x.Type = Dynamic
	}
	if x.RegistrationTime == 0 {
		x.RegistrationTime = time.Now().UnixMilli()
	}
	for what, text := range map[string]string{"name": x.Name, "id": x.ID} {
		if text == "" || strings.Contains(text, "/") || zkapi.ValidatePath("/"+text) != nil {
			return x, nil, fmt.Errorf("%s %.40q is no name of a node: %w", what, text, zkapi.ErrBadArguments)
		}
	}
	if !slices.Contains([]ServiceType{Dynamic, DynamicSequential, Static, Permanent}, x.Type) {
		return x, nil, fmt.Errorf("service type %.40q: %w", x.Type, zkapi.ErrBadArguments)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(x); err != nil {
		return x, nil, err
	}
	return x, bytes.TrimSpace(b.Bytes()), nil
}

// Register registers an instance, or replaces what it has registered with the same
// name and id, and returns it as it is then. From then on the instance is kept
// registered, once and with its latest data, over lost connections and sessions,
// until Unregister or Close. If the context ends before it is registered, it is not.
func (d *Discovery) Register(ctx context.Context, x ServiceInstance) (ServiceInstance, error) {
	x, data, err := d.complete(x)
	if err != nil {
		return x, d.fail(err)
	}
	key := x.Name + "/" + x.ID
	mode := zkapi.Persistent
	switch x.Type {
	case Dynamic:
		mode = zkapi.Ephemeral
	case DynamicSequential:
		mode = zkapi.EphemeralSequential
	}
	d.mu.Lock()
	n := d.mine[key]
	if n != nil && n.mode == mode {
		d.mu.Unlock()
		return x, d.fail(n.SetData(ctx, data))
	}
	d.mu.Unlock()
	if n != nil {
		if err := d.Unregister(ctx, x.Name, x.ID); err != nil {
			return x, err
		}
	}
	n = NewPersistentNode(d.c, zkapi.Join(d.base, x.Name, x.ID), mode, data, d.opts...)
	d.mu.Lock()
	if d.mine[key] != nil {
		d.mu.Unlock()
		return x, d.fail(fmt.Errorf("%s is being registered: %w", key, zkapi.ErrNodeExists))
	}
	d.mine[key] = n
	d.mu.Unlock()
	if mode == zkapi.Ephemeral { // perhaps a node of the same instance's earlier life is still there
		err = inSession(ctx, d.c, func(s *session) error {
			return s.do(ctx, func() error { return d.c.Delete(ctx, n.path(), zkapi.AnyVersion) })
		})
	}
	if err == nil || errors.Is(err, zkapi.ErrNoNode) {
		if err = n.Start(); err == nil {
			err = n.WaitCreated(ctx)
		}
	}
	if err != nil {
		_ = d.Unregister(ctx, x.Name, x.ID)
	}
	return x, d.fail(err)
}

// Unregister takes an instance back that was registered here. When it returns nil
// the instance is gone, and does not come again.
func (d *Discovery) Unregister(ctx context.Context, name, id string) error {
	d.mu.Lock()
	n := d.mine[name+"/"+id]
	delete(d.mine, name+"/"+id)
	d.mu.Unlock()
	if n == nil {
		return nil
	}
	return d.fail(n.Close(ctx))
}

// Close takes back all that was registered here, static instances too.
func (d *Discovery) Close(ctx context.Context) (failed error) {
	d.mu.Lock()
	mine := d.mine
	d.mine = make(map[string]*PersistentNode)
	d.mu.Unlock()
	for _, n := range mine {
		failed = and(failed, n.Close(ctx))
	}
	return d.fail(failed)
}

// Names are the services that have had instances, sorted.
func (d *Discovery) Names(ctx context.Context) ([]string, error) {
	names, err := d.children(ctx, d.base)
	return names, d.fail(err)
}

func (d *Discovery) children(ctx context.Context, path string) (names []string, err error) {
	err = inSession(ctx, d.c, func(s *session) error {
		err := s.do(ctx, func() (err error) {
			names, _, err = d.c.Children(ctx, path)
			return err
		})
		if errors.Is(err, zkapi.ErrNoNode) {
			names = nil
			return nil
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// Instances are those of a service, by their ids. What is no instance is left out.
func (d *Discovery) Instances(ctx context.Context, name string) (list []ServiceInstance, err error) {
	ids, err := d.children(ctx, zkapi.Join(d.base, name))
	for _, id := range ids {
		var x ServiceInstance
		x, ok, err := d.Instance(ctx, name, id)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, x)
		}
	}
	return list, d.fail(err)
}

// Instance is one of them; it is false if there is none. Of DynamicSequential the id is
// the name of the node.
func (d *Discovery) Instance(ctx context.Context, name, id string) (x ServiceInstance, ok bool, err error) {
	var data []byte
	err = inSession(ctx, d.c, func(s *session) error {
		return s.do(ctx, func() (err error) {
			data, _, err = d.c.Get(ctx, zkapi.Join(d.base, name, id))
			return err
		})
	})
	if errors.Is(err, zkapi.ErrNoNode) {
		return x, false, nil
	}
	return x, err == nil && json.Unmarshal(data, &x) == nil && x.ID != "", d.fail(err)
}

// Strategy chooses one of the instances, which are at least one, sorted by id.
type Strategy interface {
	Choose(instances []ServiceInstance) ServiceInstance
}

// StrategyFunc is a Strategy.
type StrategyFunc func([]ServiceInstance) ServiceInstance

// Choose implements Strategy.
func (f StrategyFunc) Choose(instances []ServiceInstance) ServiceInstance { return f(instances) }

// RoundRobin takes one after the other.
func RoundRobin() Strategy {
	var mu sync.Mutex
	next := -1
	return StrategyFunc(func(list []ServiceInstance) ServiceInstance {
		mu.Lock()
		defer mu.Unlock()
		next++
		return list[next%len(list)]
	})
}

// Random takes any.
func Random() Strategy {
	return StrategyFunc(func(list []ServiceInstance) ServiceInstance { return list[chance.IntN(len(list))] })
}

// Sticky stays with what another strategy has chosen, as long as it is there.
func Sticky(master Strategy) Strategy {
	var mu sync.Mutex
	var id string
	return StrategyFunc(func(list []ServiceInstance) ServiceInstance {
		mu.Lock()
		defer mu.Unlock()
		if at := slices.IndexFunc(list, func(x ServiceInstance) bool { return x.ID == id }); at >= 0 {
			return list[at]
		}
		x := master.Choose(list)
		id = x.ID
		return x
	})
}

// ProviderOptions say how a Provider chooses. The zero value is a default.
type ProviderOptions struct {
	Strategy Strategy                   // RoundRobin by default
	Filter   func(ServiceInstance) bool // takes those for which it is true; nil takes all
	// An instance for which there were Errors within Window is not chosen until the
	// window is over; 2 errors in 30 s by default.
	Errors int
	Window time.Duration
}

// Provider chooses instances of one service, and follows who they are: Curator's
// ServiceProvider and ServiceCache. It has a goroutine until Close.
type Provider struct {
	o     ProviderOptions
	path  string
	cache *watchers.Cache

	mu   sync.Mutex
	down map[string]*downInstance // by id
}

type downInstance struct {
	since  time.Time
	errors int
}

// Provider makes a provider of a service.
func (d *Discovery) Provider(name string, opts ...func(*ProviderOptions)) *Provider {
	p := &Provider{o: ProviderOptions{Errors: 2, Window: 30 * time.Second}, path: zkapi.Join(d.base, name), down: make(map[string]*downInstance)}
	for _, opt := range opts {
		opt(&p.o)
	}
	if p.o.Strategy == nil {
		p.o.Strategy = RoundRobin()
	}
	p.cache = watchers.NewChildrenCache(context.Background(), d.c, p.path)
	return p
}

// Close ends the provider.
func (p *Provider) Close() { p.cache.Close() }

// Wait waits until the instances are known. It fails with the context's error.
func (p *Provider) Wait(ctx context.Context) error { return p.cache.WaitSynced(ctx) }

// Changes tells of instances that come, go and change; see watchers.Cache.
func (p *Provider) Changes(ctx context.Context) iter.Seq2[watchers.Change, error] {
	return p.cache.Changes(ctx)
}

// All are the instances as far as they are known, sorted by id, but for those
// that are disabled, refused by the filter, or down.
func (p *Provider) All() (list []ServiceInstance) {
	for _, id := range p.cache.Children(p.path) {
		node, ok := p.cache.Node(zkapi.Join(p.path, id))
		var x ServiceInstance
		if !ok || json.Unmarshal(node.Data, &x) != nil || x.ID == "" {
			continue
		}
		if x.usable() && !p.isDown(x.ID) && (p.o.Filter == nil || p.o.Filter(x)) {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b ServiceInstance) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Choose is an instance to use now; it is false if there is none.
func (p *Provider) Choose() (ServiceInstance, bool) {
	list := p.All()
	if len(list) == 0 {
		return ServiceInstance{}, false
	}
	return p.o.Strategy.Choose(list), true
}

// NoteError says that an instance has not worked.
func (p *Provider) NoteError(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.down[id]
	if x == nil || time.Since(x.since) >= p.o.Window {
		x = &downInstance{since: time.Now()}
		p.down[id] = x
	}
	x.errors++
}

func (p *Provider) isDown(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.down[id]
	if x != nil && time.Since(x.since) >= p.o.Window {
		delete(p.down, id)
		return false
	}
	return x != nil && x.errors >= p.o.Errors
}
