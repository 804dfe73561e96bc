/* Does with the C recipes that come with ZooKeeper what it is told to, line by line: see package pairs.
 * zoo_lock.c and zoo_queue.c are compiled with it. */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper.h>

#include <zoo_lock.h>
#include <zoo_queue.h>

enum { LIMIT = 15, TEXT = 4096, OBJECTS = 16, FIELDS = 8 };

static zhandle_t *zh;
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;

/* ---- Objects ---- */

struct object {
    char name[64];
    char path[256];
    int is_lock;
    zkr_queue_t queue;
    zkr_lock_mutex_t lock;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int acquired;
};

static struct object objects[OBJECTS];
static int object_count;

/* told is what the lock calls when it was acquired, with 0, or released, with 1. */
static void told(int rc, void *data) {
    struct object *o = data;
    if (rc == 0) {
        pthread_mutex_lock(&o->mutex);
        o->acquired = 1;
        pthread_cond_signal(&o->changed);
        pthread_mutex_unlock(&o->mutex);
    }
}

static struct object *make(const char *name, const char *kind, const char *path) {
    if (object_count == OBJECTS) {
        return NULL;
    }
    struct object *o = &objects[object_count];
    snprintf(o->name, sizeof o->name, "%s", name);
    snprintf(o->path, sizeof o->path, "%s", path);
    pthread_mutex_init(&o->mutex, NULL);
    pthread_cond_init(&o->changed, NULL);
    if (strcmp(kind, "zkr_lock") == 0) {
        o->is_lock = 1;
        zkr_lock_init_cb(&o->lock, zh, o->path, &ZOO_OPEN_ACL_UNSAFE, told, o);
    } else if (strcmp(kind, "zkr_queue") == 0) {
        zkr_queue_init(&o->queue, zh, o->path, &ZOO_OPEN_ACL_UNSAFE);
    } else {
        return NULL;
    }
    object_count++;
    return o;
}

static struct object *find(const char *name) {
    for (int i = object_count - 1; i >= 0; i--) {
        if (strcmp(objects[i].name, name) == 0) {
            return &objects[i];
        }
    }
    return NULL;
}

/* ---- Locks ---- */

static void stand(struct object *o) {
    pthread_mutex_lock(&o->mutex);
    o->acquired = 0;
    pthread_mutex_unlock(&o->mutex);
    zkr_lock_lock(&o->lock);
}

/* in_line tells whether it has a node. It gives up, and says nothing, when the node before its own has
 * gone four times just before it was watched. */
static int in_line(struct object *o) {
    pthread_mutex_lock(&o->lock.pmutex);
    int has = o->lock.id != NULL;
    pthread_mutex_unlock(&o->lock.pmutex);
    return has;
}

/* told_within waits a while until it has been told that the lock is acquired. */
static int told_within(struct object *o, long milliseconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += milliseconds * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&o->mutex);
    while (!o->acquired && pthread_cond_timedwait(&o->changed, &o->mutex, &until) != ETIMEDOUT) {
    }
    int got = o->acquired;
    pthread_mutex_unlock(&o->mutex);
    return got;
}

static int wait_for(struct object *o) {
    for (int i = 0; i < 10 * LIMIT; i++) {
        if (told_within(o, 100)) {
            return 1;
        }
        if (!in_line(o)) {
            zkr_lock_lock(&o->lock);
        }
    }
    return 0;
}

/* toil adds one to a number, in a way that is safe for one alone. It returns ZNODEEXISTS if it was not. */
static int toil(const char *work) {
    char inside[320], number[320], text[32];
    snprintf(inside, sizeof inside, "%s/inside", work);
    snprintf(number, sizeof number, "%s/number", work);
    int rc = zoo_create(zh, inside, NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0);
    if (rc != ZOK) {
        return rc;
    }
    int length = sizeof text - 1;
    if ((rc = zoo_get(zh, number, 0, text, &length, NULL)) != ZOK) {
        return rc;
    }
    text[length] = 0;
    length = snprintf(text, sizeof text, "%d", atoi(text) + 1);
    if ((rc = zoo_set(zh, number, text, length, -1)) != ZOK) {
        return rc;
    }
    return zoo_delete(zh, inside, -1);
}

static int contend(struct object *o, const char *work, int n, char *result, size_t size) {
    int met = 0;
    for (int i = 0; i < n; i++) {
        stand(o);
        if (!wait_for(o)) {
            return ZOPERATIONTIMEOUT;
        }
        int rc = toil(work);
        if (rc == ZNODEEXISTS) {
            met++;
        } else if (rc != ZOK) {
            return rc;
        }
        if ((rc = zkr_lock_unlock(&o->lock)) != ZOK) {
            return rc;
        }
    }
    snprintf(result, size, "%d", met);
    return ZOK;
}

static int obey_lock(struct object *o, char **args, const char *method, char *result, size_t size) {
    if (strcmp(method, "stand") == 0) {
        stand(o);
        return ZOK;
    }
    if (strcmp(method, "wait") == 0) {
        snprintf(result, size, "%s", wait_for(o) ? "true" : "false");
        return ZOK;
    }
    if (strcmp(method, "release") == 0) {
        return zkr_lock_unlock(&o->lock);
    }
    if (strcmp(method, "contend") == 0) {
        return contend(o, args[0], atoi(args[1]), result, size);
    }
    return ZUNIMPLEMENTED;
}

/* ---- Queues ---- */

/* drain gets items until there are none, with tabs between them. */
static int drain(struct object *o, char *result, size_t size) {
    size_t used = 0;
    for (;;) {
        char item[64];
        int length = sizeof item - 1;
        int rc = zkr_queue_remove(&o->queue, item, &length);
        if (rc != ZOK || length < 0) {
            return rc;
        }
        used += (size_t)snprintf(result + used, size - used, "%s%.*s", used > 0 ? "\t" : "", length, item);
        if (used >= size) {
            return ZBADARGUMENTS;
        }
    }
}

static int obey_queue(struct object *o, char **args, const char *method, char *result, size_t size) {
    int length = (int)size - 1;
    int rc = ZUNIMPLEMENTED;
    if (strcmp(method, "offer") == 0) {
        return zkr_queue_offer(&o->queue, args[0], (int)strlen(args[0]));
    }
    if (strcmp(method, "drain") == 0) {
        return drain(o, result, size);
    }
    if (strcmp(method, "putMany") == 0) {
        rc = ZOK;
        for (int i = 0; rc == ZOK && i < atoi(args[1]); i++) {
            char item[64];
            snprintf(item, sizeof item, "%s%d", args[0], i);
            rc = zkr_queue_offer(&o->queue, item, (int)strlen(item));
        }
        return rc;
    }
    if (strcmp(method, "peek") == 0) {
        rc = zkr_queue_element(&o->queue, result, &length);
    } else if (strcmp(method, "take") == 0) {
        rc = zkr_queue_take(zh, &o->queue, result, &length);
    }
    result[rc == ZOK && length > 0 ? length : 0] = 0;
    return rc;
}

/* ---- Orders ---- */

/* order is a line, and its fields: a number, an object, a method, arguments. */
struct order {
    char line[1024];
    char *fields[FIELDS];
};

static void answer(const char *number, int rc, const char *result) {
    pthread_mutex_lock(&printing);
    if (rc == ZOK) {
        printf("%s\tok%s%s\n", number, *result ? "\t" : "", result);
    } else {
        printf("%s\terror\t%s\n", number, zerror(rc));
    }
    fflush(stdout);
    pthread_mutex_unlock(&printing);
}

static void *obey(void *data) {
    struct order *order = data;
    char **f = order->fields;
    char result[TEXT] = "";
    struct object *o = find(f[1]);
    int rc = ZBADARGUMENTS;
    if (o != NULL) {
        rc = (o->is_lock ? obey_lock : obey_queue)(o, f + 3, f[2], result, sizeof result);
    }
    answer(f[0], rc, result);
    free(order);
    return NULL;
}

static void split(struct order *order) {
    order->line[strcspn(order->line, "\r\n")] = 0;
    char *rest = order->line;
    for (int i = 0; i < FIELDS; i++) {
        char *field = strsep(&rest, "\t");
        order->fields[i] = field == NULL ? "" : field;
    }
}

/* ---- The session ---- */

static pthread_mutex_t session_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t session_changed = PTHREAD_COND_INITIALIZER;
static int connected;

static void watch_session(zhandle_t *handle, int type, int state, const char *path, void *context) {
    (void)handle, (void)path, (void)context;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE) {
        pthread_mutex_lock(&session_mutex);
        connected = 1;
        pthread_cond_signal(&session_changed);
        pthread_mutex_unlock(&session_mutex);
    }
}

static int connect_to(const char *addr) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LIMIT;
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zh = zookeeper_init(addr, watch_session, 10000, NULL, NULL, 0);
    pthread_mutex_lock(&session_mutex);
    while (zh != NULL && !connected && pthread_cond_timedwait(&session_changed, &session_mutex, &until) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&session_mutex);
    return connected;
}

/* live goes on in another session when this one has ended. */
static void live(const char *addr) {
    for (;;) {
        int rc = zoo_exists(zh, "/", 0, NULL);
        if (rc == ZOK || rc == ZNONODE) {
            return;
        }
        if (zoo_state(zh) == ZOO_EXPIRED_SESSION_STATE) {
            connected = 0; /* the old handle is that of objects that may be in use */
            connect_to(addr);
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 2 || !connect_to(argv[1])) {
        fprintf(stderr, "no connection to %s\n", argc < 2 ? "nothing" : argv[1]);
        return 1;
    }
    for (;;) {
        struct order *order = calloc(1, sizeof *order);
        if (fgets(order->line, sizeof order->line, stdin) == NULL) {
            break;
        }
        split(order);
        if (strcmp(order->fields[2], "new") == 0) { /* here, so that what comes next finds it */
            live(argv[1]);
            answer(order->fields[0], make(order->fields[1], order->fields[3], order->fields[4]) ? ZOK : ZBADARGUMENTS, "");
            free(order);
            continue;
        }
        pthread_t thread;
        if (pthread_create(&thread, NULL, obey, order) != 0) {
            perror("pthread_create");
            return 1;
        }
        pthread_detach(thread);
    }
    zookeeper_close(zh);
    return 0;
}
