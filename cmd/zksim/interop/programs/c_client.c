/* What the C client (libzookeeper-mt) sees of a server. See doc.go for what a program prints and is
 * called with. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

enum { LIMIT = 10, TEXT = 4096, BIG = 1 << 20 };

static const char *proxy, *direct, *root;
static int reaper;
static int64_t base; /* zxids are told as distances from this one */

static void fatal(const char *what, int rc) {
    fprintf(stderr, "%s: %s\n", what, zerror(rc));
    exit(1);
}

static void must(const char *what, int rc) {
    if (rc != ZOK) {
        fatal(what, rc);
    }
}

__attribute__((format(printf, 2, 3))) static void say(const char *name, const char *format, ...) {
    va_list values;
    va_start(values, format);
    printf("%s: ", name);
    vprintf(format, values);
    printf("\n");
    fflush(stdout);
    va_end(values);
}

static void say_rc(const char *name, int rc) { say(name, "%s", zerror(rc)); }

/* order gives the runner an order and reads its answer. */
static void order(const char *text, char *answer, size_t size) {
    printf("@%s\n", text);
    fflush(stdout);
    if (fgets(answer, (int)size, stdin) == NULL) {
        fatal("no answer from the runner", ZSYSTEMERROR);
    }
    answer[strcspn(answer, "\n")] = 0;
}

/* path_of returns a path under the root; ten of them may be in use at once. */
static const char *path_of(const char *name) {
    static char paths[10][256];
    static int next;
    char *path = paths[next++ % 10];
    snprintf(path, sizeof paths[0], "%s%s", root, name);
    return path;
}

static const char *zxid_text(int64_t zxid) {
    static char texts[10][32];
    static int next;
    char *text = texts[next++ % 10];
    snprintf(text, sizeof texts[0], zxid < base ? "earlier" : "+%" PRId64, zxid - base);
    return text;
}

static const char *stat_text(const struct Stat *s, int64_t session) {
    static char texts[10][256];
    static int next;
    char *text = texts[next++ % 10];
    const char *owner = s->ephemeralOwner == 0 ? "none" : s->ephemeralOwner == session ? "mine" : "other";
    const char *modified = s->czxid != s->mzxid ? "later" : s->ctime == s->mtime ? "never" : "BAD";
    snprintf(text, sizeof texts[0],
             "version=%d cversion=%d aversion=%d ephemeral=%s length=%d children=%d czxid=%s mzxid=%s pzxid=%s modified=%s",
             s->version, s->cversion, s->aversion, owner, s->dataLength, s->numChildren, zxid_text(s->czxid),
             zxid_text(s->mzxid), zxid_text(s->pzxid), modified);
    return text;
}

static void say_stat(const char *name, int rc, const struct Stat *s) {
    say(name, "%s", rc == ZOK ? stat_text(s, 0) : zerror(rc));
}

/* ---- Events, in the order in which they come ---- */

struct events {
    pthread_mutex_t mutex;
    pthread_cond_t more;
    char queue[64][320];
    int head, tail;
};

static void events_init(struct events *e) {
    pthread_mutex_init(&e->mutex, NULL);
    pthread_cond_init(&e->more, NULL);
    e->head = e->tail = 0;
}

static void events_put(struct events *e, const char *text) {
    pthread_mutex_lock(&e->mutex);
    snprintf(e->queue[e->tail++ % 64], sizeof e->queue[0], "%s", text);
    pthread_cond_signal(&e->more);
    pthread_mutex_unlock(&e->mutex);
}

/* events_next waits for the next event; its text is valid until 64 more have come. */
static const char *events_next(struct events *e) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LIMIT;
    const char *text = "no event";
    pthread_mutex_lock(&e->mutex);
    while (e->head == e->tail) {
        if (pthread_cond_timedwait(&e->more, &e->mutex, &until) == ETIMEDOUT) {
            break;
        }
    }
    if (e->head != e->tail) {
        text = e->queue[e->head++ % 64];
    }
    pthread_mutex_unlock(&e->mutex);
    return text;
}

static const char *type_name(int type) {
    return type == ZOO_CREATED_EVENT        ? "created"
           : type == ZOO_DELETED_EVENT      ? "deleted"
           : type == ZOO_CHANGED_EVENT      ? "changed"
           : type == ZOO_CHILD_EVENT        ? "child"
           : type == ZOO_NOTWATCHING_EVENT  ? "notwatching"
                                            : "other";
}

static const char *state_name(int state) {
    return state == ZOO_CONNECTED_STATE         ? "connected"
           : state == ZOO_CONNECTING_STATE      ? "connecting"
           : state == ZOO_ASSOCIATING_STATE     ? "associating"
           : state == ZOO_EXPIRED_SESSION_STATE ? "expired"
           : state == ZOO_NOTCONNECTED_STATE    ? "notconnected"
                                                : "other";
}

/* on_watch notes a watch's event. The library tells every watch of changes of the session's state, too:
 * on_session has those. */
static void on_watch(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh;
    (void)state;
    char text[320];
    if (type == ZOO_SESSION_EVENT) {
        return;
    }
    snprintf(text, sizeof text, "%s %s", type_name(type), path);
    events_put(context, text);
}

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)path;
    (void)context;
    if (type == ZOO_SESSION_EVENT) {
        events_put((struct events *)zoo_get_context(zh), state_name(state));
    }
}

/* states_until returns the session's states up to and including this one. */
static const char *states_until(struct events *states, const char *last) {
    static char text[TEXT];
    text[0] = 0;
    for (;;) {
        const char *state = events_next(states);
        strcat(strcat(text, text[0] ? " " : ""), state);
        if (strcmp(state, last) == 0 || strcmp(state, "no event") == 0) {
            return text;
        }
    }
}

struct client {
    zhandle_t *zh;
    struct events states;
};

static struct client *dial(const char *addr, int timeout) {
    struct client *c = calloc(1, sizeof *c);
    events_init(&c->states);
    c->zh = zookeeper_init(addr, on_session, timeout, NULL, &c->states, 0);
    if (c->zh == NULL) {
        fatal("zookeeper_init", ZSYSTEMERROR);
    }
    if (strstr(states_until(&c->states, "connected"), "no event") != NULL) {
        fatal(addr, ZOPERATIONTIMEOUT);
    }
    return c;
}

static void hang_up(struct client *c) {
    zookeeper_close(c->zh);
    free(c);
}

static int64_t session_of(struct client *c) { return zoo_client_id(c->zh)->client_id; }

/* create makes a node and ends the program if it cannot. */
static void create(struct client *c, const char *path, const char *data, int mode) {
    must(path, zoo_create(c->zh, path, data, data ? (int)strlen(data) : -1, &ZOO_OPEN_ACL_UNSAFE, mode, NULL, 0));
}

/* say_create says the path of a node that is created, or the error. */
static void say_create(const char *name, struct client *c, const char *path, int mode, int64_t ttl) {
    char made[256] = "";
    int rc = ttl == 0 ? zoo_create(c->zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, mode, made, sizeof made)
                      : zoo_create_ttl(c->zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, mode, ttl, made, sizeof made);
    say(name, "%s", rc == ZOK ? made : zerror(rc));
}

static void say_get(const char *name, struct client *c, const char *path) {
    char data[256];
    int length = sizeof data;
    struct Stat s;
    int rc = zoo_get(c->zh, path, 0, data, &length, &s);
    if (rc != ZOK) {
        say_rc(name, rc);
    } else if (length < 0) {
        say(name, "null %s", stat_text(&s, 0));
    } else {
        say(name, "\"%.*s\" %s", length, data, stat_text(&s, 0));
    }
}

static void say_exists(const char *name, struct client *c, const char *path) {
    struct Stat s;
    int rc = zoo_exists(c->zh, path, 0, &s);
    say_stat(name, rc, &s);
}

/* rebase begins a new part: what one does to zxids does not show in the next. */
static void rebase(struct client *c) {
    struct Stat s;
    must("rebase", zoo_set2(c->zh, root, "", 0, -1, &s));
    base = s.mzxid;
}

/* ---- The suite ---- */

static void timeouts(void) {
    static const struct {
        const char *name;
        int timeout;
    } cases[] = {{"connect.timeout.low", 500}, {"connect.timeout.high", 1000000}, {"connect.timeout.middle", 12345}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client *c = dial(proxy, cases[i].timeout);
        say(cases[i].name, "%d", zoo_recv_timeout(c->zh));
        hang_up(c);
    }
}

static void crud(struct client *c) {
    struct Stat s;
    create(c, root, "", ZOO_PERSISTENT);
    must("root", zoo_exists(c->zh, root, 0, &s));
    base = s.czxid;
    say_stat("crud.root", ZOK, &s);
    const char *node = path_of("/node");
    say_create("crud.create", c, node, ZOO_PERSISTENT, 0);
    char made[256];
    int rc = zoo_create2(c->zh, path_of("/two"), "two", 3, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, made, sizeof made, &s);
    say_stat("crud.create2", rc, &s);
    rc = zoo_set2(c->zh, node, "longer", 6, -1, &s);
    say_stat("crud.set", rc, &s);
    say_get("crud.get", c, node);
    say_rc("crud.set.version", zoo_set(c->zh, node, "x", 1, 1));
    rc = zoo_set2(c->zh, node, NULL, -1, -1, &s);
    say_stat("crud.set.null", rc, &s);
    say_get("crud.get.null", c, node);
    say_rc("crud.delete", zoo_delete(c->zh, path_of("/two"), 0));
    say_exists("crud.exists.gone", c, path_of("/two"));
    say_exists("crud.root.after", c, root);
}

static void children(struct client *c, struct client *other) {
    (void)other;
    struct String_vector names;
    struct Stat s;
    char path[256], text[TEXT] = "";
    for (int i = 0; i < 30; i++) {
        snprintf(path, sizeof path, "%s/node/%c%d", root, 'a' + i % 3, i * 7);
        create(c, path, NULL, ZOO_PERSISTENT);
    }
    int rc = zoo_get_children2(c->zh, path_of("/node"), 0, &names, &s);
    must("children", rc);
    for (int i = 0; i < names.count; i++) {
        strcat(strcat(text, i ? " " : ""), names.data[i]);
    }
    deallocate_String_vector(&names);
    say("children.order", "%s", text);
    say_stat("children.stat", ZOK, &s);
}

static void errors(struct client *c, struct client *other) {
    (void)other;
    const char *node = path_of("/node"), *missing = path_of("/missing");
    struct String_vector names;
    struct ACL_vector acl;
    struct Stat s;
    say_get("error.get.nonode", c, missing);
    say_rc("error.set.nonode", zoo_set(c->zh, missing, "", 0, -1));
    say_rc("error.delete.nonode", zoo_delete(c->zh, missing, -1));
    say_rc("error.children.nonode", zoo_get_children(c->zh, missing, 0, &names));
    say_rc("error.getacl.nonode", zoo_get_acl(c->zh, missing, &acl, &s));
    say_rc("error.setacl.nonode", zoo_set_acl(c->zh, missing, -1, &ZOO_OPEN_ACL_UNSAFE));
    say_create("error.create.noparent", c, path_of("/missing/child"), ZOO_PERSISTENT, 0);
    say_create("error.create.exists", c, node, ZOO_PERSISTENT, 0);
    say_rc("error.set.badversion", zoo_set(c->zh, node, "", 0, 99));
    say_rc("error.delete.badversion", zoo_delete(c->zh, node, 99));
    say_rc("error.delete.notempty", zoo_delete(c->zh, node, -1));
    say_rc("error.delete.system", zoo_delete(c->zh, "/zookeeper", -1));
    create(c, path_of("/fleeting"), NULL, ZOO_EPHEMERAL);
    say_create("error.create.underephemeral", c, path_of("/fleeting/child"), ZOO_PERSISTENT, 0);
    must("fleeting", zoo_delete(c->zh, path_of("/fleeting"), -1));
    struct ACL bad = {ZOO_PERM_ALL, {"nobody", "x"}};
    struct ACL_vector bads = {1, &bad}, none = {0, NULL};
    say_rc("error.invalidacl.scheme", zoo_create(c->zh, missing, "", 0, &bads, ZOO_PERSISTENT, NULL, 0));
    say_rc("error.invalidacl.auth", zoo_create(c->zh, missing, "", 0, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, NULL, 0));
    say_rc("error.setacl.empty", zoo_set_acl(c->zh, node, -1, &none));
    say_create("error.ttl.toolong", c, missing, ZOO_PERSISTENT_WITH_TTL, INT64_C(1) << 40);
    char config[256];
    int length = sizeof config;
    say_rc("error.reconfig", zoo_reconfig(c->zh, "server.2=127.0.0.1:1:2;3", NULL, NULL, -1, config, &length, &s));
    length = sizeof config;
    int rc = zoo_getconfig(c->zh, 0, config, &length, &s);
    say("config", "%s \"%.*s\" version=%d", zerror(rc), length > 0 ? length : 0, config, s.version);
}

static void sequences(struct client *c, struct client *other) {
    (void)other;
    create(c, path_of("/sequence"), NULL, ZOO_PERSISTENT);
    say_create("sequence.first", c, path_of("/sequence/s-"), ZOO_PERSISTENT_SEQUENTIAL, 0);
    say_create("sequence.ephemeral", c, path_of("/sequence/"), ZOO_EPHEMERAL_SEQUENTIAL, 0);
    say_create("sequence.ttl", c, path_of("/sequence/t"), ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 3600000);
    say_rc("sequence.delete", zoo_delete(c->zh, path_of("/sequence/s-0000000000"), -1));
    say_create("sequence.fourth", c, path_of("/sequence/s-"), ZOO_PERSISTENT_SEQUENTIAL, 0);
    say_exists("sequence.parent", c, path_of("/sequence"));
}

static void say_multi(const char *name, int rc, const zoo_op_result_t *results, int count) {
    char text[TEXT];
    int used = snprintf(text, sizeof text, "%s;", zerror(rc));
    for (int i = 0; i < count; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, " %s", zerror(results[i].err));
        if (results[i].err == ZOK && rc == ZOK && results[i].value != NULL) {
            used += snprintf(text + used, sizeof text - (size_t)used, " %s", results[i].value);
        }
    }
    say(name, "%s", text);
}

static void multi(struct client *c, struct client *other) {
    (void)other;
    const char *a = path_of("/multi/a"), *s = path_of("/multi/s");
    char made[2][256] = {"", ""};
    struct Stat set, parent;
    zoo_op_t ops[5];
    zoo_op_result_t results[5];
    memset(results, 0, sizeof results);
    create(c, path_of("/multi"), NULL, ZOO_PERSISTENT);
    zoo_create_op_init(&ops[0], a, "1", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, made[0], sizeof made[0]);
    zoo_create_op_init(&ops[1], s, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, made[1], sizeof made[1]);
    zoo_set_op_init(&ops[2], a, "22", 2, 0, &set);
    zoo_check_op_init(&ops[3], a, 1);
    zoo_delete_op_init(&ops[4], a, 1);
    say_multi("multi.all", zoo_multi(c->zh, 5, ops, results), results, 5);
    say_stat("multi.all.set", results[2].err, &set);
    must("exists", zoo_exists(c->zh, path_of("/multi"), 0, &parent));
    say_stat("multi.all.parent", ZOK, &parent);

    memset(results, 0, sizeof results);
    zoo_check_op_init(&ops[2], a, 7);
    zoo_delete_op_init(&ops[3], path_of("/missing"), -1);
    say_multi("multi.failed", zoo_multi(c->zh, 4, ops, results), results, 4);
    must("exists", zoo_exists(c->zh, path_of("/multi"), 0, &parent));
    say_stat("multi.failed.parent", ZOK, &parent);
    say_create("multi.failed.sequence", c, s, ZOO_PERSISTENT_SEQUENTIAL, 0);
}

/* on_auth notes the outcome of addauth. */
static void on_auth(int rc, const void *data) { events_put((struct events *)data, zerror(rc)); }

static void say_acl(const char *name, struct client *c, const char *path) {
    struct ACL_vector acl;
    struct Stat s;
    char text[TEXT];
    int rc = zoo_get_acl(c->zh, path, &acl, &s);
    if (rc != ZOK) {
        say_rc(name, rc);
        return;
    }
    int used = snprintf(text, sizeof text, "aversion=%d", s.aversion);
    for (int i = 0; i < acl.count; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, " %s:%s:%d", acl.data[i].id.scheme,
                         acl.data[i].id.id, acl.data[i].perms);
    }
    deallocate_ACL_vector(&acl);
    say(name, "%s", text);
}

static void acls(struct client *c, struct client *other) {
    (void)other;
    const char *node = path_of("/acl");
    struct events auth;
    events_init(&auth);
    struct ACL anna[] = {{ZOO_PERM_ALL, {"digest", "anna:OgzzOYOLDrpKJ2oz1HsdOuyz86Q="}},
                         {ZOO_PERM_READ, {"ip", "10.1.2.0/24"}}};
    struct ACL_vector annas = {2, anna};
    say_rc("acl.create", zoo_create(c->zh, node, "secret", 6, &annas, ZOO_PERSISTENT, NULL, 0));
    say_get("acl.denied.get", c, node);
    say_exists("acl.denied.exists", c, node);
    say_rc("acl.denied.set", zoo_set(c->zh, node, "", 0, -1));
    say_acl("acl.denied.getacl", c, node);
    must("auth", zoo_add_auth(c->zh, "digest", "anna:pw", 7, on_auth, &auth));
    say("acl.addauth", "%s", events_next(&auth));
    say_get("acl.get", c, node);
    say_acl("acl.getacl", c, node);
    say_rc("acl.setacl", zoo_set_acl(c->zh, node, 0, &ZOO_CREATOR_ALL_ACL));
    say_acl("acl.creator", c, node);
    say_rc("acl.setacl.badversion", zoo_set_acl(c->zh, node, 0, &ZOO_OPEN_ACL_UNSAFE));
    say_rc("acl.readonly", zoo_set_acl(c->zh, node, 1, &ZOO_READ_ACL_UNSAFE));
    say_acl("acl.readonly.acl", c, node);
    say_rc("acl.readonly.set", zoo_set(c->zh, node, "", 0, -1));
}

static void watches(struct client *c, struct client *other) {
    const char *node = path_of("/watched"), *child = path_of("/watched/child");
    struct events e;
    struct Stat s;
    struct String_vector names;
    char data[16];
    int length = sizeof data;
    events_init(&e);
    say_rc("watch.exists.missing", zoo_wexists(c->zh, node, on_watch, &e, &s));
    create(other, node, "", ZOO_PERSISTENT);
    say("watch.created", "%s", events_next(&e));
    must("get", zoo_wget(c->zh, node, on_watch, &e, data, &length, &s));
    must("setacl", zoo_set_acl(other->zh, node, -1, &ZOO_OPEN_ACL_UNSAFE));
    must("set", zoo_set(other->zh, node, "x", 1, -1));
    say("watch.changed", "%s", events_next(&e));
    must("children", zoo_wget_children(c->zh, node, on_watch, &e, &names));
    deallocate_String_vector(&names);
    create(other, child, "", ZOO_PERSISTENT);
    say("watch.child", "%s", events_next(&e));
    length = sizeof data;
    must("get", zoo_wget(c->zh, node, on_watch, &e, data, &length, &s));
    must("set", zoo_set(c->zh, node, "y", 1, -1));
    say("watch.own", "%s", events_next(&e));
    must("delete", zoo_delete(other->zh, child, -1));
    must("exists", zoo_wexists(c->zh, node, on_watch, &e, &s));
    must("delete", zoo_delete(other->zh, node, -1));
    say("watch.deleted", "%s", events_next(&e));

    zoo_wexists(c->zh, node, on_watch, &e, &s);
    say_rc("watch.remove.children", zoo_remove_watches(c->zh, node, ZWATCHTYPE_CHILD, on_watch, &e, 0));
    say_rc("watch.remove", zoo_remove_watches(c->zh, node, ZWATCHTYPE_DATA, on_watch, &e, 0));
    say_rc("watch.remove.twice", zoo_remove_watches(c->zh, node, ZWATCHTYPE_ANY, on_watch, &e, 0));
    create(other, node, "", ZOO_PERSISTENT);
    length = sizeof data;
    must("get", zoo_wget(c->zh, node, on_watch, &e, data, &length, &s));
    must("set", zoo_set(other->zh, node, "z", 1, -1));
    say("watch.after.remove", "%s", events_next(&e)); /* would be "created" were it still there */
}

static void ephemerals(struct client *c, struct client *other) {
    (void)other;
    const char *node = path_of("/ephemeral");
    struct events e;
    struct Stat s;
    events_init(&e);
    struct client *mortal = dial(direct, 10000);
    create(mortal, node, "", ZOO_EPHEMERAL);
    must("exists", zoo_wexists(c->zh, node, on_watch, &e, &s));
    say("ephemeral.stat", "%s", stat_text(&s, session_of(c)));
    say("ephemeral.stat.mine", "%s", stat_text(&s, session_of(mortal)));
    hang_up(mortal);
    say("ephemeral.closed", "%s", events_next(&e));
    say_exists("ephemeral.gone", c, node);
}

/* reaping comes last, and does not tell zxids once something was reaped: a server that is slow to delete
 * a node tries again, which counts. */
static void reaping(struct client *c) {
    const char *container = path_of("/container"), *ttl = path_of("/ttl"), *brief = path_of("/brief");
    struct events e;
    struct Stat s;
    events_init(&e);
    say_create("container.create", c, container, ZOO_CONTAINER, 0);
    int rc = zoo_wexists(c->zh, container, on_watch, &e, &s);
    say_stat("container.stat", rc, &s);
    say_create("ttl.create", c, ttl, ZOO_PERSISTENT_WITH_TTL, 3600000);
    say_exists("ttl.stat", c, ttl);
    create(c, path_of("/container/child"), "", ZOO_PERSISTENT);
    must("delete", zoo_delete(c->zh, path_of("/container/child"), -1));
    say("container.reaped", "%s", events_next(&e));
    say_create("ttl.create.short", c, brief, ZOO_PERSISTENT_WITH_TTL, 1000);
    must("exists", zoo_wexists(c->zh, brief, on_watch, &e, &s));
    say("ttl.reaped", "%s", events_next(&e));
    say_rc("ttl.stays", zoo_exists(c->zh, ttl, 0, &s));
}

static void on_synced(int rc, const char *value, const void *data) {
    char text[320];
    snprintf(text, sizeof text, "%s %s", zerror(rc), value ? value : "");
    events_put((struct events *)data, text);
}

static void sync_root(struct client *c, struct client *other) {
    (void)other;
    struct events synced;
    events_init(&synced);
    must("sync", zoo_async(c->zh, root, on_synced, &synced));
    say("sync", "%s", events_next(&synced));
}

static void say_session(const char *name, struct client *c, int64_t before) {
    say(name, "%s", session_of(c) == before ? "same" : "new");
}

/* reconnects returns with the session expired, which ends a handle. */
static void reconnects(struct client *c, struct client *other) {
    const char *node = path_of("/reconnect"), *mine = path_of("/reconnect/mine"), *new = path_of("/reconnect/new");
    struct events e;
    struct Stat s;
    struct String_vector names;
    char answer[64], data[16], text[64];
    int length = sizeof data;
    int64_t session = session_of(c);
    events_init(&e);
    create(c, node, "", ZOO_PERSISTENT);
    create(c, mine, "", ZOO_EPHEMERAL);
    must("get", zoo_wget(c->zh, node, on_watch, &e, data, &length, &s));
    must("children", zoo_wget_children(c->zh, node, on_watch, &e, &names));
    deallocate_String_vector(&names);

    order("cut", answer, sizeof answer);
    say("cut.states", "%s", states_until(&c->states, "connected"));
    say_session("cut.session", c, session);
    must("exists", zoo_exists(c->zh, mine, 0, &s));
    say("cut.ephemeral", "%s", stat_text(&s, session));
    must("set", zoo_set(other->zh, node, "x", 1, -1));
    say("cut.watch.data", "%s", events_next(&e));
    must("delete", zoo_delete(other->zh, mine, -1));
    say("cut.watch.children", "%s", events_next(&e));

    length = sizeof data;
    must("get", zoo_wget(c->zh, node, on_watch, &e, data, &length, &s));
    order("hold", answer, sizeof answer);
    say("hold.states", "%s", states_until(&c->states, "connecting"));
    must("set", zoo_set(other->zh, node, "y", 1, -1));
    order("release", answer, sizeof answer);
    say("hold.release.states", "%s", states_until(&c->states, "connected"));
    say("hold.watch", "%s", events_next(&e));
    zoo_wexists(c->zh, new, on_watch, &e, &s);
    order("hold", answer, sizeof answer);
    say("hold.again.states", "%s", states_until(&c->states, "connecting"));
    create(other, new, "", ZOO_PERSISTENT);
    order("release", answer, sizeof answer);
    say("hold.again.release.states", "%s", states_until(&c->states, "connected"));
    say("hold.again.watch", "%s", events_next(&e));

    create(c, mine, "", ZOO_EPHEMERAL);
    must("exists", zoo_wexists(other->zh, mine, on_watch, &e, &s));
    snprintf(text, sizeof text, "expire %" PRIx64, (uint64_t)session);
    order(text, answer, sizeof answer);
    say("expire.states", "%s", states_until(&c->states, "expired"));
    say("expire.ephemeral", "%s", events_next(&e));
    say_get("expire.unusable", c, node);
}

static void delete_all(struct client *c, const char *path) {
    struct String_vector names;
    char child[512];
    must(path, zoo_get_children(c->zh, path, 0, &names));
    for (int i = 0; i < names.count; i++) {
        snprintf(child, sizeof child, "%s/%s", path, names.data[i]);
        delete_all(c, child);
    }
    deallocate_String_vector(&names);
    must(path, zoo_delete(c->zh, path, -1));
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: c_client PROXY DIRECT ROOT [reaper]\n");
        return 2;
    }
    proxy = argv[1], direct = argv[2], root = argv[3], reaper = argc > 4;
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    say("version", "%s", ZOO_VERSION);
    timeouts();
    struct client *c = dial(proxy, 10000), *other = dial(direct, 10000);
    crud(c);
    void (*parts[])(struct client *, struct client *) = {children, errors, sync_root, sequences, multi,
                                                         acls, watches, ephemerals};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        rebase(c);
        parts[i](c, other);
    }
    hang_up(c);
    c = dial(proxy, 10000);
    rebase(c);
    reconnects(c, other);
    hang_up(c);
    if (reaper) {
        rebase(other);
        reaping(other);
    }
    delete_all(other, root);
    say_exists("end", other, root);
    hang_up(other);
    return 0;
}
