package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsOptions is what the flags say of TLS: an address, and files in PEM form.
type tlsOptions struct {
	listen    string
	cert, key []byte
	certFile  string // for what only both together show
	clients   *x509.CertPool
	auth      tls.ClientAuthType // of clients, if their authority is known
}

// clientAuths are the values of ssl.clientAuth.
var clientAuths = map[string]tls.ClientAuthType{
	"need": tls.RequireAndVerifyClientCert, "want": tls.VerifyClientCertIfGiven, "none": tls.NoClientCert,
}

func setTLSListen(o *options, value string) error {
	if !isHostPort(value) {
		return errors.New("want HOST:PORT, such as 127.0.0.1:2281")
	}
	o.tls.listen = value
	return nil
}

func setTLSCert(o *options, value string) (err error) {
	o.tls.certFile = value
	o.tls.cert, err = readFile(value)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(o.tls.cert) {
		err = errors.New("there is no certificate in it; want PEM, -----BEGIN CERTIFICATE-----")
	}
	return err
}

func setTLSKey(o *options, value string) (err error) {
	o.tls.key, err = readFile(value)
	return err
}

func setTLSCA(o *options, value string) error {
	text, err := readFile(value)
	if err != nil {
		return err
	}
	o.tls.clients = x509.NewCertPool()
	if !o.tls.clients.AppendCertsFromPEM(text) {
		return errors.New("there is no certificate in it; want PEM, -----BEGIN CERTIFICATE-----")
	}
	return nil
}

func readFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, pathReason(err)
	}
	return text, nil
}

// config puts it together; nil without TLS. Who has named the authority that
// signs the clients' certificates wants to see one of each client, as ZooKeeper does.
func (t *tlsOptions) config() (*tls.Config, error) {
	switch {
	case t.listen == "" && t.cert == nil && t.key == nil && t.clients == nil:
		return nil, nil
	case t.listen == "":
		return nil, errors.New("--tls-cert, --tls-key and --tls-ca need --tls-listen")
	case t.cert == nil || t.key == nil:
		return nil, errors.New("--tls-listen needs --tls-cert and --tls-key")
	}
	pair, err := tls.X509KeyPair(t.cert, t.key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s and its key: %w", t.certFile, err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: t.clients}
	if t.clients != nil {
		c.ClientAuth = t.auth
	}
	return c, nil
}
