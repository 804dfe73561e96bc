package zkapi

import (
	"crypto/sha1"
	"encoding/base64"
	"strings"
)

// DigestID turns "user:password", the credentials of the digest scheme, into
// the id that ACLs hold: "user:" + base64(SHA1("user:password")).
func DigestID(credentials string) string {
	user, _, _ := strings.Cut(credentials, ":")
	sum := sha1.Sum([]byte(credentials))
	return user + ":" + base64.StdEncoding.EncodeToString(sum[:])
}
