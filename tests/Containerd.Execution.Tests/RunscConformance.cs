using Containerd.Conformance;

namespace Containerd.Execution.Tests;

// The platform of gVisor's that needs neither KVM nor a cgroup, and only the verb that tells how a container ended.
[RequiresRoot, RequiresProgram("runsc")]
public sealed class RunscConformance : OciRuntimeRunConformance
{
    protected override IOciRuntime CreateRuntime(string stateRoot) => new OciRuntime(new OciRuntimeOptions
    {
        StateRoot = stateRoot,
        Dialect = RuntimeDialect.Runsc with { GlobalArguments = ["--network=none", "--ignore-cgroups", "--platform=ptrace"] },
    });
}
