// SPDX-License-Identifier: Apache-2.0

// hyperkube is a whole Kubernetes in one program: the name it is called by, or else its first
// argument, picks the component.  It exists so that tests and the demo run a real cluster without
// a container registry; one binary shares most of its code between components.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var components = map[string]func() int{
	"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
	"kube-apiserver":          func() int { return run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return run(controllers.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return run(scheduler.NewSchedulerCommand()) },
	"kubelet":                 func() int { return run(kubelet.NewKubeletCommand(context.Background())) },
	"kube-proxy":              func() int { return run(proxy.NewProxyCommand()) },
	"kubectl":                 func() int { return run(kubectl.NewDefaultKubectlCommand()) },
}

func run(command *cobra.Command) int {
	return cli.Run(command)
}

func main() {
	if component, found := components[filepath.Base(os.Args[0])]; found {
		os.Exit(component())
	}
	if len(os.Args) > 1 {
		if component, found := components[os.Args[1]]; found {
			os.Args = os.Args[1:]
			os.Exit(component())
		}
	}
	var names []string
	for name := range components {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintln(os.Stderr, "usage: hyperkube "+strings.Join(names, "|")+" ARGUMENTS")
	os.Exit(2)
}
