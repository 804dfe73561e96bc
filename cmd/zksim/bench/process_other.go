//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

const canStayAwake = false

func stayAwake(context.Context, io.Writer) error { return errors.ErrUnsupported }
