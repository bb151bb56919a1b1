// A Kubernetes API of its own: kube-apiserver and etcd in one process, for tests of manifests on loopback.
package main

import (
	"fmt"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) < 4 {
		fail("usage: controlplane <etcd's folder> <etcd's URL> <etcd's peer URL> [flags of kube-apiserver]")
	}
	store, err := etcd(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fail(err)
	}
	<-store.Server.ReadyNotify()
	command := app.NewAPIServerCommand()
	command.SetArgs(append([]string{"--etcd-servers=" + os.Args[2]}, os.Args[4:]...))
	code := cli.Run(command)
	store.Close()
	os.Exit(code)
}

func etcd(folder, clients, peers string) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Dir = folder
	config.LogLevel = "error"
	for text, places := range map[string][]*[]url.URL{
		clients: {&config.ListenClientUrls, &config.AdvertiseClientUrls},
		peers:   {&config.ListenPeerUrls, &config.AdvertisePeerUrls},
	} {
		parsed, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		for _, place := range places {
			*place = []url.URL{*parsed}
		}
	}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	return embed.StartEtcd(config)
}

func fail(what any) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(2)
}
