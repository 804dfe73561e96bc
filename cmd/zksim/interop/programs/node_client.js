// What node-zookeeper-client sees of a server. See doc.go for what a program prints and is called with.
'use strict';

const crypto = require('crypto');
const readline = require('readline');
const zookeeper = require('node-zookeeper-client');

const { ACL, CreateMode, Id, Permission } = zookeeper;
const LIMIT = 10000; // milliseconds that anything may take

const [proxy, direct, root] = process.argv.slice(2);
let base = 0n; // zxids are told as distances from this one

function say(name, result) {
    process.stdout.write(`${name}: ${result}\n`);
}

// Queue hands out what was put into it, in order, to those that wait.
class Queue {
    constructor() {
        this.items = [];
        this.waiting = [];
    }

    put(item) {
        const waiter = this.waiting.shift();
        if (waiter) {
            waiter(item);
        } else {
            this.items.push(item);
        }
    }

    next() {
        if (this.items.length > 0) {
            return Promise.resolve(this.items.shift());
        }
        return new Promise((resolve) => {
            const late = setTimeout(() => resolve('nothing'), LIMIT);
            this.waiting.push((item) => {
                clearTimeout(late);
                resolve(item);
            });
        });
    }

    // until returns the items up to and including this one.
    async until(last) {
        const seen = [];
        while (!seen.includes(last) && !seen.includes('nothing')) {
            seen.push(await this.next());
        }
        return seen.join(' ');
    }
}

const answers = new Queue();
const input = readline.createInterface({ input: process.stdin });
input.on('line', (line) => answers.put(line));

// order gives the runner an order and returns its answer.
function order(text) {
    process.stdout.write(`@${text}\n`);
    return answers.next();
}

// call calls one of the library's functions; the promise has all its results, or is rejected.
function call(object, method, ...args) {
    return new Promise((resolve, reject) => {
        object[method](...args, (error, ...results) => (error ? reject(error) : resolve(results)));
    });
}

// attempt says what a call results in, or its error.
async function attempt(name, promise, show = (results) => results.map(text).join(' ')) {
    try {
        say(name, show(await promise));
    } catch (error) {
        say(name, error.name);
    }
}

function text(value) {
    if (value === null || value === undefined) {
        return 'none';
    }
    if (Buffer.isBuffer(value)) {
        return JSON.stringify(value.toString());
    }
    if (value.czxid) {
        return stat(value);
    }
    if (Array.isArray(value)) {
        return value.map(text).join(',');
    }
    if (value.permission) {
        return `${value.id.scheme}:${value.id.id}:${value.permission}`;
    }
    return String(value);
}

function stat(s, session) {
    const zxid = (buffer) => {
        const distance = buffer.readBigInt64BE() - base;
        return distance < 0n ? 'earlier' : `+${distance}`;
    };
    const owner = !s.ephemeralOwner.some((b) => b !== 0) ? 'none'
        : session && s.ephemeralOwner.equals(session) ? 'mine' : 'other';
    const modified = !s.czxid.equals(s.mzxid) ? 'later' : s.ctime.equals(s.mtime) ? 'never' : 'BAD';
    return `version=${s.version} cversion=${s.cversion} aversion=${s.aversion} ephemeral=${owner}`
        + ` length=${s.dataLength} children=${s.numChildren}`
        + ` czxid=${zxid(s.czxid)} mzxid=${zxid(s.mzxid)} pzxid=${zxid(s.pzxid)} modified=${modified}`;
}

class Client {
    constructor(addr, timeout) {
        this.zk = zookeeper.createClient(addr, { sessionTimeout: timeout, spinDelay: 100 });
        this.states = new Queue();
        this.zk.on('state', (state) => this.states.put(state.getName()));
    }

    static async connect(addr, timeout = 10000) {
        const client = new Client(addr, timeout);
        client.zk.connect();
        await client.states.until('SYNC_CONNECTED');
        return client;
    }

    call(method, ...args) {
        return call(this.zk, method, ...args);
    }

    session() {
        return this.zk.getSessionId();
    }

    async close() {
        this.zk.close();
        await this.states.until('DISCONNECTED');
    }
}

// rebase begins a new part: what one does to zxids does not show in the next.
async function rebase(c) {
    const [s] = await c.call('setData', root, Buffer.alloc(0));
    base = s.mzxid.readBigInt64BE();
}

async function timeouts() {
    for (const [name, timeout] of [['low', 500], ['high', 1000000], ['middle', 12345]]) {
        const client = await Client.connect(proxy, timeout);
        say(`connect.timeout.${name}`, client.zk.getSessionTimeout());
        await client.close();
    }
}

async function crud(c) {
    await c.call('create', root, Buffer.from(''));
    const [s] = await c.call('exists', root);
    base = s.czxid.readBigInt64BE();
    const node = `${root}/node`;
    say('crud.root', stat(s));
    await attempt('crud.create', c.call('create', node, Buffer.from('one')));
    await attempt('crud.create.null', c.call('create', `${root}/null`));
    await attempt('crud.get', c.call('getData', node));
    await attempt('crud.get.null', c.call('getData', `${root}/null`));
    await attempt('crud.set', c.call('setData', node, Buffer.from('longer')));
    await attempt('crud.set.version', c.call('setData', node, Buffer.from('x'), 1));
    await attempt('crud.set.empty', c.call('setData', node, Buffer.alloc(0)));
    await attempt('crud.get.again', c.call('getData', node));
    await attempt('crud.children', c.call('getChildren', root));
    await attempt('crud.remove', c.call('remove', `${root}/null`, 0));
    await attempt('crud.exists.gone', c.call('exists', `${root}/null`));
    await attempt('crud.mkdirp', c.call('mkdirp', `${root}/a/b/c`));
    await attempt('crud.unicode', c.call('create', `${root}/größe`, Buffer.from('水')));
    await attempt('crud.unicode.get', c.call('getData', `${root}/größe`));
    for (let i = 0; i < 30; i += 1) {
        await c.call('create', `${node}/${(i * 41 + 1000).toString(36)}`);
    }
    await attempt('crud.children.order', c.call('getChildren', node));
}

async function errors(c) {
    const node = `${root}/node`;
    const missing = `${root}/missing`;
    await attempt('error.get.nonode', c.call('getData', missing));
    await attempt('error.set.nonode', c.call('setData', missing, Buffer.alloc(0)));
    await attempt('error.remove.nonode', c.call('remove', missing));
    await attempt('error.children.nonode', c.call('getChildren', missing));
    await attempt('error.getacl.nonode', c.call('getACL', missing));
    await attempt('error.setacl.nonode', c.call('setACL', missing, ACL.OPEN_ACL_UNSAFE));
    await attempt('error.create.noparent', c.call('create', `${missing}/child`));
    await attempt('error.create.exists', c.call('create', node));
    await attempt('error.set.badversion', c.call('setData', node, Buffer.alloc(0), 99));
    await attempt('error.remove.badversion', c.call('remove', node, 99));
    await attempt('error.remove.notempty', c.call('remove', node));
    await attempt('error.remove.system', c.call('remove', '/zookeeper'));
    await c.call('create', `${root}/fleeting`, CreateMode.EPHEMERAL);
    await attempt('error.create.underephemeral', c.call('create', `${root}/fleeting/child`));
    await c.call('remove', `${root}/fleeting`);
    await attempt('error.invalidacl.scheme',
        c.call('create', missing, [new ACL(Permission.ALL, new Id('nobody', 'x'))]));
    await attempt('error.invalidacl.auth', c.call('create', missing, ACL.CREATOR_ALL_ACL));
    await attempt('config', c.call('getData', '/zookeeper/config'), ([data, s]) => `${text(data)} ${s.version}`);
}

async function sequences(c) {
    const parent = `${root}/sequence`;
    await c.call('create', parent);
    await attempt('sequence.first', c.call('create', `${parent}/s-`, CreateMode.PERSISTENT_SEQUENTIAL));
    await attempt('sequence.ephemeral', c.call('create', `${parent}/e-`, CreateMode.EPHEMERAL_SEQUENTIAL));
    await attempt('sequence.remove', c.call('remove', `${parent}/s-0000000000`));
    await attempt('sequence.third', c.call('create', `${parent}/s-`, CreateMode.PERSISTENT_SEQUENTIAL));
    await attempt('sequence.parent', c.call('exists', parent));
}

function showTransaction(results) {
    return results.map((r) => {
        if (r.err !== undefined) {
            return r.err;
        }
        return r.path || (r.stat ? stat(r.stat) : 'ok');
    }).join('; ');
}

// commit says the results of a transaction, which the library hands out beside the error.
function commit(name, transaction) {
    return new Promise((resolve) => {
        transaction.commit((error, results) => {
            say(name, `${error ? error.name : 'ok'}: ${showTransaction(results || [])}`);
            resolve();
        });
    });
}

async function transactions(c) {
    const parent = `${root}/multi`;
    await c.call('create', parent);
    await commit('multi.all', c.zk.transaction()
        .create(`${parent}/a`, Buffer.from('1'))
        .create(`${parent}/s`, CreateMode.PERSISTENT_SEQUENTIAL)
        .setData(`${parent}/a`, Buffer.from('22'), 0)
        .check(`${parent}/a`, 1)
        .remove(`${parent}/a`, 1));
    await attempt('multi.all.parent', c.call('exists', parent));
    await commit('multi.failed', c.zk.transaction()
        .create(`${parent}/a`)
        .create(`${parent}/s`, CreateMode.PERSISTENT_SEQUENTIAL)
        .check(`${parent}/a`, 7)
        .remove(`${parent}/missing`));
    await attempt('multi.failed.parent', c.call('exists', parent));
    await attempt('multi.failed.sequence', c.call('create', `${parent}/s`, CreateMode.PERSISTENT_SEQUENTIAL));
}

function digest(user, password) {
    return new Id('digest', `${user}:${crypto.createHash('sha1').update(`${user}:${password}`).digest('base64')}`);
}

async function acls(c) {
    const node = `${root}/acl`;
    const mine = [new ACL(Permission.ALL, digest('anna', 'pw')), new ACL(Permission.READ, new Id('ip', '10.0.0.1'))];
    await attempt('acl.create', c.call('create', node, Buffer.from('secret'), mine));
    await attempt('acl.denied.get', c.call('getData', node));
    await attempt('acl.denied.exists', c.call('exists', node));
    await attempt('acl.denied.set', c.call('setData', node, Buffer.alloc(0)));
    await attempt('acl.denied.getacl', c.call('getACL', node));
    c.zk.addAuthInfo('digest', Buffer.from('anna:pw'));
    await attempt('acl.get', c.call('getData', node));
    await attempt('acl.getacl', c.call('getACL', node));
    await attempt('acl.setacl', c.call('setACL', node, ACL.CREATOR_ALL_ACL, 0));
    await attempt('acl.creator', c.call('getACL', node));
    await attempt('acl.setacl.badversion', c.call('setACL', node, ACL.OPEN_ACL_UNSAFE, 0));
    await attempt('acl.readonly', c.call('setACL', node, ACL.READ_ACL_UNSAFE));
    await attempt('acl.readonly.set', c.call('setData', node, Buffer.alloc(0)));
}

// watcher returns a watch whose events go into a queue.
function watcher(events) {
    return (event) => events.put(`${event.getName()} ${event.getPath()}`);
}

async function watches(c, other) {
    const node = `${root}/watched`;
    const events = new Queue();
    const watch = watcher(events);
    await attempt('watch.exists.missing', c.call('exists', node, watch));
    await other.call('create', node);
    say('watch.created', await events.next());
    await c.call('getData', node, watch);
    await other.call('setACL', node, ACL.OPEN_ACL_UNSAFE);
    await other.call('setData', node, Buffer.from('x'));
    say('watch.changed', await events.next());
    await c.call('getChildren', node, watch);
    await other.call('create', `${node}/child`);
    say('watch.child', await events.next());
    await c.call('getData', node, watch);
    await c.call('setData', node, Buffer.from('own'));
    say('watch.own', await events.next());
    await c.call('getChildren', node, watch);
    await c.call('getChildren', root, watch);
    await other.call('remove', `${node}/child`);
    say('watch.child.removed', await events.next());
    await c.call('getData', node, watch);
    await other.call('remove', node);
    say('watch.removed', `${await events.next()}, ${await events.next()}`);
    say('watch.left', events.items.length);
}

async function ephemerals(c) {
    const node = `${root}/ephemeral`;
    const events = new Queue();
    const mortal = await Client.connect(direct);
    await mortal.call('create', node, CreateMode.EPHEMERAL);
    const [s] = await c.call('exists', node, watcher(events));
    say('ephemeral.stat', stat(s, c.session()));
    say('ephemeral.stat.mine', stat(s, mortal.session()));
    await mortal.close();
    say('ephemeral.closed', await events.next());
    await attempt('ephemeral.gone', c.call('exists', node));
}

function same(c, session) {
    return c.session().equals(session) ? 'same' : 'new';
}

async function reconnects(other) {
    const c = await Client.connect(proxy);
    const node = `${root}/reconnect`;
    const session = c.session();
    const events = new Queue();
    const watch = watcher(events);
    c.zk.addAuthInfo('digest', Buffer.from('anna:pw')); // sent again after a cut
    await c.call('create', node, ACL.CREATOR_ALL_ACL.concat(ACL.OPEN_ACL_UNSAFE));
    await c.call('create', `${node}/mine`, CreateMode.EPHEMERAL);
    await c.call('getData', node, watch);
    await c.call('getChildren', node, watch);
    await order('cut');
    say('cut.states', await c.states.until('SYNC_CONNECTED'));
    say('cut.session', same(c, session));
    await attempt('cut.ephemeral', c.call('exists', `${node}/mine`), ([s]) => stat(s, session));
    await attempt('cut.auth', c.call('create', `${node}/private`, ACL.CREATOR_ALL_ACL));
    say('cut.watch.children', await events.next());
    await other.call('setData', node, Buffer.from('x'));
    say('cut.watch.data', await events.next());

    await c.call('getData', node, watch);
    await order('hold');
    say('hold.states', await c.states.until('DISCONNECTED'));
    await other.call('setData', node, Buffer.from('y'));
    await order('release');
    say('hold.release.states', await c.states.until('SYNC_CONNECTED'));
    say('hold.watch.data', await events.next());
    await c.call('exists', `${node}/new`, watch);
    await order('hold');
    say('hold.again.states', await c.states.until('DISCONNECTED'));
    await other.call('create', `${node}/new`);
    await order('release');
    say('hold.again.release.states', await c.states.until('SYNC_CONNECTED'));
    say('hold.again.watch.created', await events.next());

    const gone = new Queue();
    await other.call('exists', `${node}/mine`, watcher(gone));
    await order(`expire ${session.toString('hex')}`);
    say('expire.states', await c.states.until('EXPIRED'));
    say('expire.ephemeral', await gone.next());
}

// removeAll is what the library's removeRecursive is meant to be: that one overlooks nodes.
async function removeAll(c, path) {
    const [names] = await c.call('getChildren', path);
    for (const name of names) {
        await removeAll(c, `${path}/${name}`);
    }
    await c.call('remove', path);
}

async function main() {
    await timeouts();
    const c = await Client.connect(proxy);
    const other = await Client.connect(direct);
    await crud(c);
    for (const part of [errors, sequences, transactions, acls, watches, ephemerals]) {
        await rebase(c);
        await part(c, other);
    }
    await c.close();
    await rebase(other);
    await reconnects(other);
    other.zk.addAuthInfo('digest', Buffer.from('anna:pw'));
    await removeAll(other, root);
    await attempt('end', other.call('exists', root));
    await other.close();
    input.close();
}

main().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
});
