package memserver

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zksim/zksim/memserver/internal/state"
	"github.com/zksim/zksim/zkapi/wire"
)

// Profile is the version of ZooKeeper to behave as, where versions differ.
type Profile string

// The profiles. The zero value is V39.
const (
	V38 Profile = "3.8" // 3.8.0 as Debian ships it
	V39 Profile = "3.9" // 3.9.5
)

// Config says how a server behaves. The zero value is a server with
// ZooKeeper's defaults and no limit on connections; zero fields mean their default.
type Config struct {
	Profile Profile
	// Members is the number of servers of an ensemble; 0 or 1 is one that stands alone.
	// Of these, Observers have no vote, and Joiners are not in the configuration: they
	// follow the leader without a vote, until a reconfig takes them in.
	Members   int
	Observers []int
	Joiners   []int
	// Seed makes session ids, and with them passwords, those of an earlier run.
	// 0 takes them from the clock, as ZooKeeper does.
	Seed int64
	// TickTime is the unit of session expiry; 2 s by default. Sessions expire
	// between their timeout and one tick later.
	TickTime time.Duration
	// MinSessionTimeout and MaxSessionTimeout bound what clients may negotiate;
	// 2 and 20 ticks by default.
	MinSessionTimeout time.Duration
	MaxSessionTimeout time.Duration
	// MaxClientCnxns is the number of connections from one address; 0 is no limit.
	MaxClientCnxns int
	// MaxFrame is jute.maxbuffer, the longest request in bytes; 0xfffff by default.
	MaxFrame int
	// MaxUnsent is how many bytes of watch events may wait for a client that
	// does not read, before its connection is closed; 16 MiB by default.
	MaxUnsent int
	// ClientsElsewhere says that all clients over TCP are in other processes. On Linux, with two processors or more,
	// each request of one who is the only one, and waits for each reply, costs a quarter less CPU then; in the same
	// process it would wait several times longer. What else the server does meanwhile may be 10 ms late.
	ClientsElsewhere bool
	// FourLetterWords lists the commands that are answered beside srvr; "*" means all.
	FourLetterWords []string

	EnforceQuota       bool          // enforceQuota: hard limits of quotas
	ExtendedTypes      bool          // zookeeper.extendedTypesEnabled: TTL nodes
	ReconfigEnabled    bool          // reconfigEnabled
	NoStandalone       bool          // standaloneEnabled=false: a reconfig may leave one voter
	ReadOnlyMode       bool          // readonlymode.enabled: members without a quorum serve who only reads
	LocalSessions      bool          // localSessionsEnabled: sessions are their member's until they own a node
	LocalUpgrading     bool          // localSessionsUpgradingEnabled; or else they never do
	SkipACL            bool          // skipACL
	SuperDigest        string        // zookeeper.DigestAuthenticationProvider.superDigest
	X509               bool          // authProvider.x509 is configured: ACLs may name x509 ids; true with TLS
	X509Super          string        // X509AuthenticationProvider.superUser: the x509 id that may do everything
	EnforceAuthSchemes []string      // enforce.auth.schemes, if enforce.auth.enabled
	ContainerInterval  time.Duration // znode.container.checkIntervalMs; 1 min by default
	ContainerBatch     int           // znode.container.maxPerMinute; 10000 by default
	ContainerNeverUsed time.Duration // znode.container.maxNeverUsedIntervalMs; 0 keeps them

	// SASLUsers are the users of SASL (DIGEST-MD5), as a real server has them from
	// its JAAS file, with their passwords; ACLs may then name sasl ids.
	SASLUsers       map[string]string
	SASL            bool   // authProvider.N is SASLAuthenticationProvider: ACLs may name sasl ids also without users
	SASLSuper       string // superUser: the sasl id that may do everything
	SASLAny         string // letAnySaslUserDoX: the sasl id that stands for everybody
	SASLAllowFailed bool   // allowSaslFailedClients: who fails to authenticate is served all the same
	SASLRequired    bool   // sessionRequireClientSASLAuth: who has not authenticated is not served

	// TLS, if not nil, is for ListenTLS: the server's certificate, and whose
	// certificates it asks clients for.
	TLS *tls.Config
	// Between, if not nil, puts something between the server and the clients that
	// connect to an address, such as a plan of faults (faults.Plan.Listener).
	Between func(net.Listener) net.Listener

	// DataDir, ClientPort and the like are only shown by the four-letter words.
	shown map[string]string
	// From, if not nil, is the state to start with.
	From *Snapshot

	// ElectionTime is how long nobody leads an ensemble, and so nobody is served, when
	// it needs another leader; 0 is no time.
	ElectionTime time.Duration
	// SyncLimit is after how many ticks a leader and a follower give each other up that
	// do not hear each other (see Member.Sever); 5 by default.
	SyncLimit int
	// InitialZxid is the lower half of the zxid with which each epoch of an ensemble
	// begins: zookeeper.testingonly.initialZxid. 0 as a rule; see also Server.SetZxid.
	InitialZxid int64

	auth bool // enforce.auth.enabled, until Validate

	saslSuperPassword string         // SASLAuthenticationProvider.superPassword
	servers           map[int]string // server.N, what the members know of each other
}

// UnknownSettingError says that ZooKeeper has no setting of that name.
type UnknownSettingError struct{ Key string }

func (e *UnknownSettingError) Error() string { return "memserver: unknown setting " + e.Key }

// Set sets what ZooKeeper calls key, in zoo.cfg or as a Java property with or
// without "zookeeper.". Settings that no client can notice are accepted and
// have no effect. The error names the key, and is an *UnknownSettingError for
// one that ZooKeeper does not have.
func (c *Config) Set(key, value string) error {
	name := strings.TrimPrefix(key, "zookeeper.")
	value = strings.TrimSpace(value)
	set, ok := settings[name]
	if id, err := strconv.Atoi(strings.TrimPrefix(name, "server.")); err == nil && strings.HasPrefix(name, "server.") {
		if c.servers == nil {
			c.servers = make(map[int]string)
		}
		c.servers[id] = value
		return nil
	}
	if strings.HasPrefix(name, "authProvider.") && strings.HasSuffix(value, ".SASLAuthenticationProvider") {
		c.SASL = true
		return nil
	}
	if !ok {
		if ignored(name) {
			if c.shown == nil {
				c.shown = make(map[string]string)
			}
			c.shown[name] = value
			return nil
		}
		return &UnknownSettingError{Key: key}
	}
	if err := set(c, value); err != nil {
		return fmt.Errorf("memserver: setting %s=%s: %w", key, value, err)
	}
	return nil
}

var settings = map[string]func(*Config, string) error{
	"tickTime":          millis(func(c *Config) *time.Duration { return &c.TickTime }),
	"minSessionTimeout": millis(func(c *Config) *time.Duration { return &c.MinSessionTimeout }),
	"maxSessionTimeout": millis(func(c *Config) *time.Duration { return &c.MaxSessionTimeout }),
	"maxClientCnxns":    number(func(c *Config) *int { return &c.MaxClientCnxns }),
	"jute.maxbuffer":    number(func(c *Config) *int { return &c.MaxFrame }),
	"4lw.commands.whitelist": func(c *Config, v string) error {
		c.FourLetterWords = list(v)
		return nil
	},
	"enforceQuota":         boolean(func(c *Config) *bool { return &c.EnforceQuota }),
	"extendedTypesEnabled": boolean(func(c *Config) *bool { return &c.ExtendedTypes }),
	"reconfigEnabled":      boolean(func(c *Config) *bool { return &c.ReconfigEnabled }),
	"standaloneEnabled": func(c *Config, v string) error {
		var enabled bool
		err := boolean(func(*Config) *bool { return &enabled })(c, v)
		c.NoStandalone = !enabled
		return err
	},
	"testingonly.initialZxid": func(c *Config, v string) (err error) {
		if c.InitialZxid, err = strconv.ParseInt(v, 10, 64); err != nil || c.InitialZxid < 0 || c.InitialZxid >= 1<<32 {
			return fmt.Errorf("want a number below 2^32")
		}
		return nil
	},
	"syncLimit":                     number(func(c *Config) *int { return &c.SyncLimit }),
	"readonlymode.enabled":          boolean(func(c *Config) *bool { return &c.ReadOnlyMode }),
	"localSessionsEnabled":          boolean(func(c *Config) *bool { return &c.LocalSessions }),
	"localSessionsUpgradingEnabled": boolean(func(c *Config) *bool { return &c.LocalUpgrading }),
	"skipACL": func(c *Config, v string) error {
		c.SkipACL = v == "yes"
		return nil
	},
	"DigestAuthenticationProvider.superDigest": func(c *Config, v string) error {
		c.SuperDigest = v
		return nil
	},
	"authProvider.x509": func(c *Config, v string) error {
		c.X509 = v != ""
		return nil
	},
	"superUser": func(c *Config, v string) error {
		c.SASLSuper = v
		return nil
	},
	"letAnySaslUserDoX": func(c *Config, v string) error {
		c.SASLAny = v
		return nil
	},
	"SASLAuthenticationProvider.superPassword": func(c *Config, v string) error {
		c.saslSuperPassword = v
		return nil
	},
	"allowSaslFailedClients":       boolean(func(c *Config) *bool { return &c.SASLAllowFailed }),
	"sessionRequireClientSASLAuth": boolean(func(c *Config) *bool { return &c.SASLRequired }),
	"X509AuthenticationProvider.superUser": func(c *Config, v string) error {
		c.X509Super = v
		return nil
	},
	"enforce.auth.enabled": boolean(func(c *Config) *bool { return &c.auth }),
	"enforce.auth.schemes": func(c *Config, v string) error {
		c.EnforceAuthSchemes = list(v)
		return nil
	},
	"znode.container.checkIntervalMs":        millis(func(c *Config) *time.Duration { return &c.ContainerInterval }),
	"znode.container.maxPerMinute":           number(func(c *Config) *int { return &c.ContainerBatch }),
	"znode.container.maxNeverUsedIntervalMs": millis(func(c *Config) *time.Duration { return &c.ContainerNeverUsed }),
}

func list(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}

func number(field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.ParseInt(v, 0, 32) // Java takes 0x... too
		if err != nil {
			return fmt.Errorf("want a number")
		}
		*field(c) = int(max(n, 0)) // whoever writes -1 means: no limit
		return nil
	}
}

func millis(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			return fmt.Errorf("want milliseconds")
		}
		if n < 0 { // ZooKeeper's "not set"
			n = 0
		}
		*field(c) = time.Duration(n) * time.Millisecond
		return nil
	}
}

func boolean(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, v string) error {
		switch strings.ToLower(v) {
		case "true":
			*field(c) = true
		case "false":
			*field(c) = false
		default:
			return fmt.Errorf("want true or false")
		}
		return nil
	}
}

// ignored reports whether ZooKeeper has a setting of that name and it has no effect here.
func ignored(name string) bool {
	// The links between servers have each setting of the clients' TLS once more.
	name = strings.Replace(name, "ssl.quorum.", "ssl.", 1)
	family, _, member := strings.Cut(name, ".")
	return ignoredNames[name] || member && ignoredNames[family+".*"]
}

// ignoredNames are the settings of ZooKeeper 3.8 and 3.9 without effect here:
// under their names in zoo.cfg, as Java properties, and those that the
// administrator's guide calls them by, where these differ. A * is any rest.
var ignoredNames = func() map[string]bool {
	m := make(map[string]bool)
	for line := range strings.Lines(`
		# Where the server listens; Listen says that here.
		clientPort clientPortAddress clientPortListenBacklog client.portUnification client.certReload
		secureClientPort secureClientPortAddress serverCnxnFactory tcpKeepAlive clientTcpKeepAlive

		# Files.
		dataDir dataLogDir preAllocSize snapCount snapSizeLimitInKb snapshotSizeFactor txnLogSizeLimitInKb
		commitLogCount forceSync fsync.warningthresholdms autopurge.snapRetainCount autopurge.purgeInterval
		datadir.autocreate db.autocreate snapshot.compression.method snapshot.trust.empty
		serializeLastProcessedZxid.enabled closeSessionTxn.enabled

		# Ensembles, of which this server is not part.
		group.* weight.* version
		initLimit connectToLearnerMasterLimit electionAlg leaderServes peerType
		dynamicConfigFile oraclePath quorumListenOnAllIPs electionPortBindRetry cnxTimeout quorumCnxnTimeoutMs
		fastleader.minNotificationInterval fastleader.maxNotificationInterval
		leader.nodelay leader.ackLoggingFrequency leader.closeSocketAsync leaderConnectDelayDuringRetryMs
		leader.maxConcurrentSnapSyncs maxConcurrentSnapSyncs leader.maxConcurrentDiffSyncs maxConcurrentDiffSyncs
		leader.maxTimeToWaitForEpoch maxTimeToWaitForEpoch
		follower.nodelay follower.skipLearnerRequestToNextProcessor forceSnapshotSync
		learner.asyncSending learner.closeSocketAsync forward_learner_requests_to_commit_processor_disabled
		syncEnabled observer.syncEnabled observer.reconnectDelayMs observer.election.DelayMs
		observerMasterPort observerMaster.sizeLimit
		quorum.auth.enableSasl quorum.auth.learnerRequireSasl quorum.auth.serverRequireSasl
		quorum.auth.learner.saslLoginContext quorum.auth.server.saslLoginContext
		quorum.auth.kerberos.servicePrincipal quorum.cnxn.threads.size
		multiAddress.enabled multiAddress.reachabilityCheckEnabled multiAddress.reachabilityCheckTimeoutMs

		# Threads, queues and caches.
		nio.numSelectorThreads nio.numWorkerThreads nio.directBufferBytes nio.shutdownTimeout
		netty.advancedFlowControl.enabled advancedFlowControlEnabled
		netty.server.outstandingHandshake.limit outstandingHandshake.limit
		netty.server.earlyDropSecureConnectionHandshakes
		commitProcessor.numWorkerThreads commitProcessor.maxReadBatchSize commitProcessor.maxCommitBatchSize
		commitProcessor.shutdownTimeout request_throttler.shutdownTimeout
		flushDelay maxWriteQueuePollTime maxBatchSize intBufferStartingSizeBytes jute.maxbuffer.extrasize
		maxResponseCacheSize maxGetChildrenResponseCacheSize enableEagerACLCheck
		watchManagerName watcherCleanThreadsNum watcherCleanThreshold watcherCleanIntervalInSeconds
		maxInProcessingDeadWatchers bitHashCacheSize

		# Limits of what a machine can bear.
		globalOutstandingLimit largeRequestMaxBytes largeRequestThreshold
		request_throttle_max_requests requestThrottleLimit request_throttle_stall_time requestThrottleStallTime
		request_throttle_drop_stale requestThrottleDropStale
		request_stale_latency_check requestStaleLatencyCheck
		request_stale_connection_check requestStaleConnectionCheck
		throttled_op_wait_time throttledOpWaitTime
		connection_throttle_tokens connectionMaxTokens connection_throttle_fill_time connectionTokenFillTime
		connection_throttle_fill_count connectionTokenFillCount
		connection_throttle_freeze_time connectionFreezeTime
		connection_throttle_drop_increase connectionDropIncrease
		connection_throttle_drop_decrease connectionDropDecrease
		connection_throttle_decrease_ratio connectionDecreaseRatio
		connection_throttle_weight_enabled connection_throttle_global_session_weight
		connection_throttle_local_session_weight connection_throttle_renew_session_weight

		# For whoever looks after the server.
		admin.enableServer admin.serverAddress admin.serverPort admin.idleTimeout admin.commandURL
		admin.httpVersion admin.portUnification admin.forceHttps admin.needClientAuth
		admin.rateLimiterIntervalInMS admin.snapshot.enabled admin.restore.enabled
		audit.enable audit.impl.class metricsProvider.* jmx.log4j.disable jmx.log4j.mbean
		jvm.pause.monitor jvm.pause.warn-threshold.ms jvm.pause.info-threshold.ms jvm.pause.sleep.time.ms
		messageTracker.BufferSize messageTracker.Enabled
		pathStats.enabled pathStats.sampleRate pathStats.maxDepth pathStats.topPathMax pathStats.delay
		pathStats.initialDelay pathStats.slotCapacity pathStats.slotDuration

		# TLS.
		sslQuorum sslQuorumReloadCertFiles portUnification fips-mode ssl.authProvider ssl.sslProvider
		ssl.keyStore.location ssl.keyStore.password ssl.keyStore.passwordPath ssl.keyStore.type
		ssl.trustStore.location ssl.trustStore.password ssl.trustStore.passwordPath ssl.trustStore.type
		ssl.protocol ssl.enabledProtocols ssl.ciphersuites ssl.context.supplier.class
		ssl.hostnameVerification ssl.clientHostnameVerification ssl.allowReverseDnsLookup
		ssl.crl ssl.ocsp ssl.clientAuth ssl.handshakeDetectionTimeoutMillis

		# What a client could notice, but this server does as if they were not set.
		maxCnxns nio.sessionlessCnxnTimeout emulate353TTLNodes digest.enabled
		authProvider authProvider.* ensembleAuthName
		DigestAuthenticationProvider.enabled DigestAuthenticationProvider.digestAlg
		IPAuthenticationProvider.usexforwardedfor
		requireClientAuthScheme sasl.serverconfig security.auth_to_local requireKerberosConfig
		kerberos.removeHostFromPrincipal kerberos.removeRealmFromPrincipal kerberos.canonicalizeHostNames
		kerberos.minReLoginTimeMs kinit
	`) {
		names, _, _ := strings.Cut(line, "#")
		for name := range strings.FieldsSeq(names) {
			m[name] = true
		}
	}
	return m
}()

// complete fills in the defaults and reports what contradicts itself.
func (c *Config) complete() error {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if c.Profile == "" {
		c.Profile = V39
	}
	def(&c.TickTime, 2*time.Second)
	def(&c.MinSessionTimeout, 2*c.TickTime)
	def(&c.MaxSessionTimeout, 20*c.TickTime)
	def(&c.ContainerInterval, time.Minute)
	if c.ContainerBatch == 0 {
		c.ContainerBatch = 10_000
	}
	if c.SyncLimit == 0 {
		c.SyncLimit = 5
	}
	if c.MaxFrame == 0 {
		c.MaxFrame = wire.DefaultMaxFrame
	}
	if c.MaxUnsent == 0 {
		c.MaxUnsent = 16 << 20
	}
	c.FourLetterWords = append(slices.Clone(c.FourLetterWords), "srvr") // which is always answered
	if c.ReadOnlyMode {
		c.FourLetterWords = append(c.FourLetterWords, "isro")
	}
	switch {
	case c.Profile != V38 && c.Profile != V39:
		return fmt.Errorf("memserver: unknown profile %q: want %q or %q", c.Profile, V38, V39)
	case c.TickTime < time.Millisecond:
		return fmt.Errorf("memserver: TickTime %v is below a millisecond", c.TickTime)
	case c.MinSessionTimeout > c.MaxSessionTimeout:
		return fmt.Errorf("memserver: MinSessionTimeout %v is over MaxSessionTimeout %v", c.MinSessionTimeout, c.MaxSessionTimeout)
	}
	return c.checkEnsemble()
}

func (c *Config) state(firstSession int64) state.Config {
	sc := state.Config{
		V38:      c.Profile == V38,
		TickTime: c.TickTime.Milliseconds(), MinSessionTimeout: c.MinSessionTimeout.Milliseconds(),
		MaxSessionTimeout: c.MaxSessionTimeout.Milliseconds(), FirstSession: firstSession,
		SuperDigest: c.SuperDigest, EnforceQuota: c.EnforceQuota, ExtendedTypes: c.ExtendedTypes,
		ReconfigEnabled: c.ReconfigEnabled, SkipACL: c.SkipACL, X509: c.X509 || c.TLS != nil, X509Super: c.X509Super,
		SASL:              state.SASL{Provider: c.SASL, Super: c.SASLSuper, Any: c.SASLAny, AllowFailed: c.SASLAllowFailed},
		ContainerInterval: c.ContainerInterval.Milliseconds(), ContainerBatch: int64(c.ContainerBatch),
		ContainerNeverUsed: c.ContainerNeverUsed.Milliseconds(),
		Members:            max(1, c.Members), Servers: c.ensemble(), StandaloneEnabled: !c.NoStandalone,
		LocalSessions: c.LocalSessions, LocalSessionsUpgrading: c.LocalUpgrading, ReadOnlyMode: c.ReadOnlyMode,
		InitialZxid: c.InitialZxid, ElectionTime: c.ElectionTime.Milliseconds(), SyncLimit: int64(c.SyncLimit),
		Digests: slices.Contains(c.FourLetterWords, "hash") || slices.Contains(c.FourLetterWords, "*"),
	}
	if c.auth || len(c.EnforceAuthSchemes) > 0 {
		sc.EnforceAuthSchemes = c.EnforceAuthSchemes
	} else if c.SASLRequired {
		sc.EnforceAuthSchemes = []string{"sasl"}
	}
	if len(c.SASLUsers) > 0 {
		sc.SASL.Provider, sc.SASL.Users = true, maps.Clone(c.SASLUsers)
		if c.saslSuperPassword != "" {
			sc.SASL.Users["super"] = c.saslSuperPassword
		}
	}
	return sc
}

// quorumPort and electionPort are the first member's, in what the members say
// of each other. Nothing listens on them.
const (
	quorumPort   = 2888
	electionPort = 3888
)

// ensemble is what the members know of each other at first.
func (c *Config) ensemble() map[int64]string {
	specs := make(map[int64]string)
	for id := 1; id <= c.Members && c.Members > 1; id++ {
		if !slices.Contains(c.Joiners, id) {
			specs[int64(id)] = c.spec(id)
		}
	}
	return specs
}

// spec is how the others know a member, but for its port for clients.
func (c *Config) spec(id int) string {
	if spec, ok := c.servers[id]; ok {
		return spec
	}
	role := "participant"
	if slices.Contains(c.Observers, id) {
		role = "observer"
	}
	return fmt.Sprintf("127.0.0.1:%d:%d:%s", quorumPort+id-1, electionPort+id-1, role)
}

// checkEnsemble reports what is wrong with the members.
func (c *Config) checkEnsemble() error {
	if c.Members < 0 || c.Members > 254 {
		return fmt.Errorf("memserver: an ensemble of %d members: want 1 to 254", c.Members)
	}
	for _, id := range slices.Concat(c.Observers, c.Joiners) {
		if id < 1 || id > c.Members {
			return fmt.Errorf("memserver: an observer or joiner %d in an ensemble of %d members", id, c.Members)
		}
	}
	voters, err := state.CountVoters(c.ensemble())
	switch {
	case c.Members <= 1:
	case err != nil:
		return fmt.Errorf("memserver: %w", err)
	case voters == 0:
		return fmt.Errorf("memserver: an ensemble of %d members without one that votes", c.Members)
	}
	return nil
}
