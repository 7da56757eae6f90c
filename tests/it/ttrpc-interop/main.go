// SPDX-License-Identifier: Apache-2.0

// The Go end of a conversation over ttRPC with peer.c, by the implementation that containerd uses.
//
//	ttrpc-go serve PATH    serves until it is killed; prints "ready" when it listens
//	ttrpc-go call PATH     makes every kind of call; prints "ok" or what went wrong
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

const service = "interop.Service"

func require(holds bool, format string, args ...any) {
	if !holds {
		fmt.Printf("failed: "+format+"\n", args...)
		os.Exit(1)
	}
}

func unary(handle func(context.Context, *anypb.Any) (*anypb.Any, error)) ttrpc.Method {
	return func(ctx context.Context, unmarshal func(any) error) (any, error) {
		var in anypb.Any
		if err := unmarshal(&in); err != nil {
			return nil, err
		}
		return handle(ctx, &in)
	}
}

func serve(path string) {
	server, err := ttrpc.NewServer()
	require(err == nil, "server: %v", err)
	server.Register(service, map[string]ttrpc.Method{
		"Echo": unary(func(_ context.Context, in *anypb.Any) (*anypb.Any, error) {
			return in, nil
		}),
		"Refuse": unary(func(_ context.Context, in *anypb.Any) (*anypb.Any, error) {
			return nil, status.Errorf(codes.NotFound, "no container '%s'", in.TypeUrl)
		}),
		"Slow": unary(func(ctx context.Context, in *anypb.Any) (*anypb.Any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}),
	})
	listener, err := net.Listen("unix", path)
	require(err == nil, "listen: %v", err)
	fmt.Println("ready")
	err = server.Serve(context.Background(), listener)
	require(err == nil, "serve: %v", err)
}

func call(client *ttrpc.Client, ctx context.Context, method, text string, size int) (*anypb.Any, error) {
	var out anypb.Any
	err := client.Call(ctx, service, method, &anypb.Any{TypeUrl: text, Value: make([]byte, size)}, &out)
	return &out, err
}

func expectEcho(client *ttrpc.Client, text string, size int) {
	out, err := call(client, context.Background(), "Echo", text, size)
	require(err == nil, "echo '%s': %v", text, err)
	require(out.TypeUrl == text && len(out.Value) == size, "echo '%s': wrong answer", text)
}

func expectFailure(client *ttrpc.Client, method string, code codes.Code, message string) {
	_, err := call(client, context.Background(), method, "c1", 0)
	require(status.Code(err) == code, "%s: wanted %v, got %v", method, code, err)
	require(strings.Contains(err.Error(), message), "%s: wanted '%s', got '%v'", method, message, err)
}

// A context that ends only in the request, so that the server alone keeps the deadline.
func expectServerDeadline(path string) {
	conn, err := net.Dial("unix", path)
	require(err == nil, "dial: %v", err)
	client := ttrpc.NewClient(conn, ttrpc.WithUnaryClientInterceptor(
		func(ctx context.Context, request *ttrpc.Request, response *ttrpc.Response,
			_ *ttrpc.UnaryClientInfo, invoke ttrpc.Invoker) error {
			request.TimeoutNano = int64(50 * time.Millisecond)
			return invoke(ctx, request, response)
		}))
	defer client.Close()
	expectFailure(client, "Slow", codes.DeadlineExceeded, "'Slow' passed the deadline of its caller")
}

func callAll(path string) {
	conn, err := net.Dial("unix", path)
	require(err == nil, "dial: %v", err)
	client := ttrpc.NewClient(conn)
	var group sync.WaitGroup
	for caller := 0; caller < 8; caller++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 200; i++ {
				expectEcho(client, fmt.Sprintf("call %d", i), i*331)
			}
		}()
	}
	group.Wait()
	expectEcho(client, "large", 4<<20-2048)
	expectFailure(client, "Refuse", codes.NotFound, "no container 'c1'")
	expectFailure(client, "Nope", codes.Unimplemented, "service 'interop.Service' has no method 'Nope'")
	expectFailure(client, "Huge", codes.ResourceExhausted, "answer to 'Huge' is larger")
	expectServerDeadline(path)

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = call(client, ctx, "Slow", "", 0)
	require(err != nil, "slow: no deadline")

	ctx = ttrpc.WithMetadata(context.Background(), ttrpc.MD{"traceparent": []string{"00-ab-cd-01"}})
	out, err := call(client, ctx, "Echo", "with metadata", 0)
	require(err == nil && out.TypeUrl == "with metadata", "metadata: %v", err)
	fmt.Println("ok")
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintf(os.Stderr, "usage: %s serve|call PATH\n", os.Args[0])
		os.Exit(2)
	}
	if os.Args[1] == "serve" {
		serve(os.Args[2])
	} else {
		callAll(os.Args[2])
	}
}
