package pairs

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// Service discovery.

func curatorDiscovery(t *table) {
	ours := recipes.NewDiscovery(t.client, t.path)
	t.new("theirs", "ServiceDiscovery", t.path)
	port := 8080
	x, err := ours.Register(t.ctx, recipes.ServiceInstance{Name: "web", ID: "ours", Address: "10.0.0.1", Port: &port,
		Payload: json.RawMessage(`"blue"`), URISpec: recipes.ParseURISpec("{scheme}://{address}:{port}/x")})
	t.must("Register", err)
	t.call("theirs", "register", "web", "theirs", "10.0.0.2", "9090", "green", "{scheme}://{address}:{port}/y")

	t.is("services, asked by us", inOrder(ours.Names(t.ctx)), "web")
	t.is("services, asked by them", t.call("theirs", "names"), "web")
	t.is("instances, asked by us", t.instances(ours), "ours theirs")
	t.is("instances, asked by them", t.call("theirs", "instances", "web"), "ours theirs")
	t.is("ours, read by them", t.call("theirs", "instance", "web", "ours"), "10.0.0.1 8080 blue DYNAMIC http://10.0.0.1:8080/x")
	t.is("theirs, read by us", t.instance(ours, "theirs"), "10.0.0.2 9090 green DYNAMIC http://10.0.0.2:9090/y")
	t.is("ours, written again by them, is the same", t.call("theirs", "json", "web", "ours") == t.text("web/ours"), true)
	t.is("theirs, written again by us, is the same", t.again(ours, "theirs") == t.text("web/theirs"), true)

	provider := ours.Provider("web")
	defer provider.Close()
	t.call("theirs", "provide", "web")
	provided := func() string {
		var ids []string
		for _, x := range provider.All() {
			ids = append(ids, x.ID)
		}
		return inOrder(ids, nil)
	}
	both := func(want string) {
		t.until("provided", func() bool { return provided() == want && t.call("theirs", "provided", "web") == want })
		t.is("provided by us", provided(), want)
		t.is("provided by them", t.call("theirs", "provided", "web"), want)
	}
	both("ours theirs")
	x.Payload = json.RawMessage(`"red"`)
	_, err = ours.Register(t.ctx, x)
	t.must("Register", err)
	t.until("our new payload", func() bool { return strings.Contains(t.call("theirs", "instance", "web", "ours"), " red ") })
	t.must("Unregister", ours.Unregister(t.ctx, "web", "ours"))
	both("theirs")
	t.call("theirs", "unregister", "web", "theirs")
	both("")
	t.is("instances that are left", t.instances(ours), "")
	t.must("Close", ours.Close(t.ctx))
	t.call("theirs", "close")
}

// curatorSequential has instances whose nodes have names of their own, which the server has made longer: several may
// have the same id.
func curatorSequential(t *table) { registerSame(t, recipes.DynamicSequential) }

func registerSame(t *table, kind recipes.ServiceType) {
	discovery := recipes.NewDiscovery(t.client, t.path)
	t.new("theirs", "ServiceDiscovery", t.path)
	register := func(port int) recipes.ServiceInstance {
		x, err := discovery.Register(t.ctx, recipes.ServiceInstance{Name: "web", ID: "same", Address: "10.0.0.1", Port: &port,
			Payload: json.RawMessage(`"blue"`), URISpec: recipes.ParseURISpec("{scheme}://{address}:{port}/x"), Type: kind})
		t.must("Register", err)
		return x
	}
	node := func(port string) (name string) {
		names, _, err := t.client.Children(t.ctx, t.path+"/web")
		t.must("Children", err)
		for _, name = range names {
			if strings.Contains(t.text("web/"+name), `"port":`+port+",") {
				return name
			}
		}
		t.must("node", zkapi.ErrNoNode)
		return ""
	}
	t.call("theirs", "register", "web", "same", "10.0.0.2", "9090", "green", "{scheme}://{address}:{port}/y", "DYNAMIC_SEQUENTIAL")
	register(8080)
	theirs, own := node("9090"), node("8080")
	t.is("ours has a counter at its end", sequential.MatchString(own), true)
	t.is("and theirs", sequential.MatchString(theirs), true)
	t.is("instances, asked by us", t.instances(discovery), "same same")
	t.is("instances, asked by them", t.call("theirs", "instances", "web"), "same same")
	t.is("ours, read by them", t.call("theirs", "instance", "web", own), "10.0.0.1 8080 blue DYNAMIC_SEQUENTIAL http://10.0.0.1:8080/x")
	t.is("theirs, read by us", t.instance(discovery, theirs), "10.0.0.2 9090 green DYNAMIC_SEQUENTIAL http://10.0.0.2:9090/y")
	t.is("ours, written again by them, is the same", t.call("theirs", "json", "web", own) == t.text("web/"+own), true)
	t.is("theirs, written again by us, is the same", t.again(discovery, theirs) == t.text("web/"+theirs), true)

	provider := discovery.Provider("web")
	defer provider.Close()
	t.call("theirs", "provide", "web")
	provided := func() string {
		var ports []string
		for _, x := range provider.All() {
			ports = append(ports, strconv.Itoa(*x.Port))
		}
		return sorted(ports, nil)
	}
	both := func(want string) {
		t.until("provided", func() bool { return provided() == want && t.call("theirs", "ports", "web") == want })
		t.is("provided by us", provided(), want)
		t.is("provided by them", t.call("theirs", "ports", "web"), want)
	}
	both("8080 9090")
	register(8081) // the same instance with other data
	both("8081 9090")
	t.is("it keeps its node", node("8081") == own, true)
	t.must("Unregister", discovery.Unregister(t.ctx, "web", "same"))
	both("9090")
	t.call("theirs", "unregister", "web", "same")
	t.call("theirs", "close")
	t.is("theirs is there when they have taken it back", node("9090") == theirs, true) // they delete web/same, which is not there
	t.must("Delete", t.client.Delete(t.ctx, t.path+"/web/"+theirs, zkapi.AnyVersion))
	t.until("provided", func() bool { return provided() == "" })
	t.must("Close", discovery.Close(t.ctx))
}

// sequential is how the name of a node ends whose server has added a counter.
var sequential = regexp.MustCompile(`same\d{10}$`)

func (t *table) instances(d *recipes.Discovery) string {
	all, err := d.Instances(t.ctx, "web")
	t.must("Instances", err)
	var ids []string
	for _, x := range all {
		ids = append(ids, x.ID)
	}
	slices.Sort(ids)
	return inOrder(ids, nil)
}

func (t *table) instance(d *recipes.Discovery, id string) string {
	x, ok, err := d.Instance(t.ctx, "web", id)
	t.must("Instance", err)
	if !ok {
		return "none"
	}
	var payload string
	t.must("payload", json.Unmarshal(x.Payload, &payload))
	return strings.Join([]string{x.Address, strconv.Itoa(*x.Port), payload, string(x.Type), x.URI(nil)}, " ")
}

// again is an instance as we would write what we have read.
func (t *table) again(d *recipes.Discovery, id string) string {
	x, _, err := d.Instance(t.ctx, "web", id)
	t.must("Instance", err)
	data, err := json.Marshal(x)
	t.must("Marshal", err)
	return string(data)
}

// text is the data of a node.
func (t *table) text(path string) string {
	data, _, err := t.client.Get(t.ctx, strings.TrimSuffix(zkapi.Join(t.path, path), "/"))
	t.must("Get", err)
	return string(data)
}
