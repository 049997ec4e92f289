// Reads what deploy/ gives to Kubernetes and to Compose as strictly as their own types allow: an unknown field, a field
// at the wrong place, a value of the wrong type or a missing name is an error. A server would drop an unknown field, and
// a probe or a securityContext that is not there looks like one that is.
//
//	deploy-check kubernetes < MANIFESTS    manifests as `helm template` prints them; each comes out as a line of JSON
//	deploy-check compose FILE              a compose file; its services come out
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "deploy-check: %v\n", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "kubernetes":
		return kubernetes(os.Stdin)
	case len(arguments) == 2 && arguments[0] == "compose":
		return compose(arguments[1])
	default:
		return errors.New("usage: deploy-check kubernetes < MANIFESTS | deploy-check compose FILE")
	}
}

// empty returns a value of the kind's own type.
func empty(kind meta.TypeMeta) (any, error) {
	switch kind.APIVersion + "/" + kind.Kind {
	case "v1/ConfigMap":
		return &core.ConfigMap{}, nil
	case "v1/Service":
		return &core.Service{}, nil
	case "v1/ServiceAccount":
		return &core.ServiceAccount{}, nil
	case "apps/v1/StatefulSet":
		return &apps.StatefulSet{}, nil
	case "networking.k8s.io/v1/NetworkPolicy":
		return &networking.NetworkPolicy{}, nil
	case "policy/v1/PodDisruptionBudget":
		return &policy.PodDisruptionBudget{}, nil
	case "monitoring.coreos.com/v1/ServiceMonitor":
		return &monitoring.ServiceMonitor{}, nil
	case "monitoring.coreos.com/v1/PrometheusRule":
		return &monitoring.PrometheusRule{}, nil
	default:
		return nil, fmt.Errorf("no type for %s/%s", kind.APIVersion, kind.Kind)
	}
}

func kubernetes(in io.Reader) error {
	documents := yaml.NewYAMLReader(bufio.NewReader(in))
	var problems []error
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return errors.Join(problems...)
		}
		if err != nil {
			return err
		}
		var head struct {
			meta.TypeMeta `json:",inline"`
			Metadata      meta.ObjectMeta `json:"metadata"`
		}
		if err := strict.Unmarshal(document, &head); err != nil {
			problems = append(problems, err)
			continue
		}
		if head.Kind == "" {
			continue // Only comments.
		}
		object, err := empty(head.TypeMeta)
		if err == nil {
			err = strict.UnmarshalStrict(document, object)
		}
		if err == nil && head.Metadata.Name == "" {
			err = errors.New("no name")
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s %s: %w", head.Kind, head.Metadata.Name, err))
			continue
		}
		text, err := strict.YAMLToJSON(document)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", text)
	}
}

func compose(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		ConfigFiles: []types.ConfigFile{{Filename: file, Content: text}},
		Environment: map[string]string{},
	}, func(options *loader.Options) { options.SetProjectName("driftless", true) })
	if err != nil {
		return err
	}
	for _, name := range project.ServiceNames() {
		fmt.Printf("service/%s\n", name)
	}
	return nil
}
