package provenance

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"plx/internal/store"
)

// provDocument is a document in PROV-JSON (W3C member submission of 24 April
// 2013): for each kind of statement a table of them by their names.
type provDocument map[string]object

// PROV returns the history as PROV-JSON. Results, source trees, files,
// downloads and programs are entities; the derivation is the plan of the
// activity that made a result.
func (h *History) PROV() any {
	p := provDocument{"prefix": {
		"rref": "rref:", "dref": "dref:", "tree": plxNS + "tree:", "download": plxNS + "download:", "blake3": plxNS + "blake3:",
		"run": plxNS + "run:", "agent": plxNS + "agent:", "plx": plxNS,
	}}
	for _, tree := range slices.SortedFunc(maps.Keys(h.sources), store.Hash.Compare) {
		p.source(tree, h.sources[tree])
	}
	for _, r := range h.results {
		p.result(h, r)
	}
	return p
}

// add adds a statement. One without a name of its own gets the next number.
func (p provDocument) add(kind, name string, o object) {
	if p[kind] == nil {
		p[kind] = make(object)
	}
	if name == "" {
		name = fmt.Sprintf("_:%s%d", kind, len(p[kind])+1)
	}
	p[kind][name] = o
}

// typed is a value that is a qualified name.
func typed(name string) object { return object{"$": name, "type": "prov:QUALIFIED_NAME"} }

// source adds a source tree as a collection of its files.
func (p provDocument) source(tree store.Hash, entries []store.Entry) {
	collection := "tree:" + tree.String()
	p.add("entity", collection, object{"prov:type": typed("prov:Collection")})
	for _, e := range entries {
		name := collection + "/" + escapedPath(e.Path)
		p.add("entity", name, object{"prov:label": e.Path, "plx:blake3": e.Digest.String(), "plx:size": e.Size})
		p.add("hadMember", "", object{"prov:collection": collection, "prov:entity": name})
	}
}

// escapedPath returns a path as a part of a qualified name.
func escapedPath(p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = strings.NewReplacer("'", "%27", "(", "%28", ")", "%29", ":", "%3A", "=", "%3D", ",", "%2C", ";", "%3B").Replace(url.PathEscape(parts[i]))
	}
	return strings.Join(parts, "/")
}

// result adds a realization, and what made it.
func (p provDocument) result(h *History, r result) {
	entity := object{"prov:label": r.Ref.Name(), "prov:type": typed("plx:Realization"), "plx:tree": r.Tree.String()}
	p.add("entity", r.name(), entity)
	plan := r.Ref.DRef().String()
	p.add("entity", plan, object{"prov:label": r.d.Name, "prov:type": typed("prov:Plan")})
	if !r.Adopted.IsZero() && h.has(r.Adopted) {
		p.add("alternateOf", "", object{"prov:alternate1": r.name(), "prov:alternate2": r.Adopted.String()})
	}
	if !r.ran() {
		p.derived(h, r)
		return
	}
	run := "run:" + r.Ref.Hash().String()
	activity := object{"prov:label": "made " + r.Ref.Name(), "plx:action": r.Action.String()}
	activity.set("prov:startTime", stamp(r.Started))
	activity.set("prov:endTime", stamp(r.Stopped))
	activity.set("prov:location", r.Host)
	if r.Run > 0 {
		activity["plx:run"] = r.Run
	}
	p.add("activity", run, activity)
	generated := object{"prov:entity": r.name(), "prov:activity": run}
	generated.set("prov:time", stamp(r.Stopped))
	p.add("wasGeneratedBy", "", generated)
	h.inputs(r, func(input string, from store.RRef) { p.used(run, from.String(), input) })
	if !r.d.Source.IsZero() {
		p.used(run, "tree:"+r.d.Source.String(), "source")
	}
	p.download(run, r.d.Fetch)
	for _, name := range slices.Sorted(maps.Keys(r.Tools)) {
		tool := "blake3:" + r.Tools[name].Digest.String()
		p.add("entity", tool, object{"prov:label": r.Tools[name].Path, "prov:type": typed("plx:Tool")})
		p.used(run, tool, "tool "+name)
	}
	p.agents(run, plan, r)
}

// derived says what a result was made from of which nobody knows a command.
func (p provDocument) derived(h *History, r result) {
	h.inputs(r, func(_ string, from store.RRef) {
		p.add("wasDerivedFrom", "", object{"prov:generatedEntity": r.name(), "prov:usedEntity": from.String()})
	})
	if !r.d.Source.IsZero() {
		p.add("wasDerivedFrom", "", object{"prov:generatedEntity": r.name(), "prov:usedEntity": "tree:" + r.d.Source.String()})
	}
}

func (p provDocument) used(activity, entity, role string) {
	p.add("used", "", object{"prov:activity": activity, "prov:entity": entity, "prov:role": role})
}

func (p provDocument) download(run string, f *store.Fetch) {
	if f == nil {
		return
	}
	name := "download:" + strings.ReplaceAll(f.Hash, ":", "-")
	entity := object{"prov:type": typed("plx:Download"), "plx:hash": f.Hash}
	var urls []any
	for _, u := range f.URLs {
		urls = append(urls, object{"$": u, "type": "xsd:anyURI"})
	}
	if urls != nil { // a list of values has one at least
		entity["plx:url"] = urls
	}
	p.add("entity", name, entity)
	p.used(run, name, "download")
}

// agents says who ran the command: plx, and the user for whom it did.
func (p provDocument) agents(run, plan string, r result) {
	software := "agent:plx"
	if r.Version != "" {
		software += "-" + escapedPath(r.Version)
		agent := object{"prov:type": typed("prov:SoftwareAgent"), "prov:label": "plx " + r.Version}
		p.add("agent", software, agent)
		p.add("wasAssociatedWith", "", object{"prov:activity": run, "prov:agent": software, "prov:plan": plan})
	}
	if r.By == "" {
		return
	}
	user := "agent:user-" + escapedPath(r.By)
	if r.Host != "" {
		user += "-at-" + escapedPath(r.Host)
	}
	p.add("agent", user, object{"prov:label": r.By})
	p.add("wasAssociatedWith", "", object{"prov:activity": run, "prov:agent": user})
}
