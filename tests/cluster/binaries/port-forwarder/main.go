// Port-forwarder serves the one part of a kubelet that cannot be written with Python's libraries: the streams of
// `kubectl port-forward`. The API server connects to it as it does to any kubelet; it connects to 127.0.0.1 in the pod's stead.
//
//	port-forwarder CERTIFICATE KEY PORTS
//
// PORTS is a JSON file, read at each connection: {"NAMESPACE/POD": {"PORT OF THE POD": PORT OF THIS MACHINE}}. The first line of
// output is the port that it listens on.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

const timeout = time.Hour

// pods is the name of the file that says where the ports of pods are.
type pods string

// address returns where a pod's port is on this machine.
func (file pods) address(pod string, port int32) (string, error) {
	content, err := os.ReadFile(string(file))
	if err != nil {
		return "", err
	}
	var ports map[string]map[int32]int
	if err := json.Unmarshal(content, &ports); err != nil {
		return "", err
	}
	local, known := ports[pod][port]
	if !known {
		return "", fmt.Errorf("nobody listens on port %d of pod %s", port, pod)
	}
	return fmt.Sprintf("127.0.0.1:%d", local), nil
}

// PortForward copies between a stream and the process that is the pod.
func (file pods) PortForward(ctx context.Context, pod string, _ string, port int32, stream io.ReadWriteCloser) error {
	address, err := file.address(pod, port)
	if err != nil {
		return err
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		_, _ = io.Copy(connection, stream)
		_ = connection.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, connection)
	return err
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("port-forwarder CERTIFICATE KEY PORTS")
	}
	forwarder := pods(os.Args[3])
	http.HandleFunc("/portForward/{namespace}/{pod}", func(response http.ResponseWriter, request *http.Request) {
		pod := request.PathValue("namespace") + "/" + request.PathValue("pod")
		options, err := portforward.NewV4Options(request)
		if err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		portforward.ServePortForward(
			response, request, forwarder, pod, "", options, timeout, timeout, portforward.SupportedProtocols)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	// SPDY takes over a connection of HTTP/1.
	server := http.Server{Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	log.Fatal(server.ServeTLS(listener, os.Args[1], os.Args[2]))
}
