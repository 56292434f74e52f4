using Containerd.Conformance;

namespace Containerd.Execution.Tests;

// crun refuses a machine whose cgroups are of both versions: there it runs in a mount namespace that does not have version 2.
[RequiresRoot, RequiresProgram("crun"), RequiresProgram("unshare")]
public sealed class CrunConformance : OciRuntimeConformance
{
    private string? wrapper;

    protected override IOciRuntime CreateRuntime(string stateRoot) =>
        new OciRuntime(new OciRuntimeOptions { Dialect = RuntimeDialect.Crun, Program = wrapper, StateRoot = stateRoot });

    [OneTimeSetUp]
    public void HideHybridCgroups()
    {
        if (!Directory.Exists("/sys/fs/cgroup/unified"))
            return;
        wrapper = Path.Join(Path.GetTempPath(), $"crun-{Guid.NewGuid():N}");
        File.WriteAllText(wrapper, """
            #!/bin/sh
            exec unshare --mount sh -c 'umount -l /sys/fs/cgroup/unified; exec crun "$@"' crun "$@"
            """);
        File.SetUnixFileMode(wrapper, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [OneTimeTearDown]
    public void DeleteWrapper()
    {
        if (wrapper is not null)
            File.Delete(wrapper);
    }
}
