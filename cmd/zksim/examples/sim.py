"""Orders to a zksim that runs, for tests in Python. It needs nothing but Python 3.

    sim = Sim("127.0.0.1:8080")
    sim.expire(client)
"""

import json
import urllib.error
import urllib.parse
import urllib.request


class Sim:
    def __init__(self, http="127.0.0.1:8080"):
        self.base = f"http://{http}/sim/v1/"

    def expire(self, client):
        """Ends the session of a kazoo client, or one named by its id, as its timeout would."""
        return self._post(f"sessions/{session_id(client)}/expire")

    def disconnect(self, client):
        """Breaks the connection of a session, if it has one; the session lives on."""
        try:
            return self._post(f"sessions/{session_id(client)}/disconnect")
        except urllib.error.HTTPError as error:
            if error.code != 409:  # 409: it has none
                raise

    def stall(self, client):
        """Its client hears nothing of the server any more; what it asks is done all the same."""
        return self._post(f"sessions/{session_id(client)}/stall")

    def resume(self, client):
        """Ends that: what was kept arrives at once."""
        return self._post(f"sessions/{session_id(client)}/resume")

    def advance(self, duration):
        """Moves the server's clock, by "30s" or "1h30m". What is due has happened when it returns."""
        return self._post("clock", {"advance": duration})

    def reset(self):
        """Removes all nodes and ends all sessions."""
        return self._post("reset")

    def faults(self, *rules):
        """Has things go wrong from now on, such as "cut after-reply create /lock/** once"."""
        return self._request("POST", "faults", "\n".join(rules).encode())

    def fired(self):
        """How often that has happened, all rules together."""
        return self._request("GET", "faults")["fired"]

    def heal(self):
        """Nothing goes wrong any more."""
        return self._request("DELETE", "faults")

    def stop(self, member):
        """Stops a member of the ensemble, as a crash would; they are numbered from 1."""
        return self._post(f"members/{member}/stop")

    def start(self, member):
        """Brings it back."""
        return self._post(f"members/{member}/start")

    def isolate(self, member):
        """Cuts a member off from the others."""
        return self._post(f"members/{member}/isolate")

    def rejoin(self, member):
        """Ends that."""
        return self._post(f"members/{member}/rejoin")

    def sever(self, member, to):
        """Has another member not hear this one any more: it is lost after syncLimit ticks."""
        return self._post(f"members/{member}/sever", {"to": to})

    def mend(self, member, to):
        """Ends that."""
        return self._post(f"members/{member}/mend", {"to": to})

    def elect(self, member):
        """Makes a member the leader."""
        return self._post("leader", {"member": member})

    def apply(self, member, txns=1):
        """Has a member that lags apply so many more transactions, and no others."""
        return self._post(f"members/{member}/apply", {"txns": txns})

    def lag(self, member, **what):
        """Holds a member back: hold=True, txns=3, time="2s"; nothing lets it catch up."""
        return self._post(f"members/{member}/lag", what)

    def leader(self):
        """The number of the member that leads, None without a quorum."""
        return next((m["id"] for m in self.state()["members"] if m["role"] == "leader"), None)

    def counters(self, path, version=0, creations=0, aversion=0):
        """Gives a node other counters, to see them overflow: creations is what sequential names are made from."""
        return self._post("counters", {"path": path, "version": version, "creations": creations, "aversion": aversion})

    def zxid(self, zxid):
        """Moves on to a zxid, such as 0xfffffff0."""
        return self._post("zxid", {"zxid": f"{zxid:#x}"})

    def next_session(self, number):
        """Says which session id comes next, but for the member's number in front of it."""
        return self._post("next-session", {"session": f"{number:#x}"})

    def state(self):
        """Tells the members, the sessions and the watches."""
        return self._request("GET", "state")

    def tree(self, path="/"):
        """Lists the nodes at and below a path."""
        return self._request("GET", "tree?path=" + urllib.parse.quote(path))["nodes"]

    def snapshot(self):
        """The server's whole state, in the format of ZooKeeper's own snapshots."""
        with urllib.request.urlopen(self.base + "snapshot") as answer:
            return answer.read()

    def restore(self, snapshot):
        """Goes on with such a state. Clients stay, and come back by themselves."""
        return self._request("PUT", "snapshot", snapshot)

    def events(self):
        """Ranges over all that happens from now on. It has begun when this returns."""
        answer = urllib.request.urlopen(self.base + "events")
        return (json.loads(line[6:]) for line in answer if line.startswith(b"data: "))

    def _post(self, path, body=None):
        return self._request("POST", path, json.dumps(body).encode() if body is not None else b"")

    def _request(self, method, path, data=None):
        request = urllib.request.Request(self.base + path, data=data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def session_id(client):
    """The id of a kazoo client's session, as zksim writes it; an id is left as it is."""
    if isinstance(client, str):
        return client
    return f"{client.client_id[0] & (1 << 64) - 1:#x}"
