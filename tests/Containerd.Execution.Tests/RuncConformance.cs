using Containerd.Conformance;

namespace Containerd.Execution.Tests;

[RequiresRoot, RequiresProgram("runc")]
public sealed class RuncConformance : OciRuntimeConformance
{
    protected override IOciRuntime CreateRuntime(string stateRoot) => new OciRuntime(new OciRuntimeOptions { StateRoot = stateRoot });
}
