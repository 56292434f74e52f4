namespace Containerd.Execution.Tests;

internal static class TestHosts
{
    public static ContainerHost Create(string stateRoot, string runtimeRoot, string cgroupParent, bool subreaper = false) => new(
        new ContainerHostOptions { StateRoot = stateRoot, CgroupParent = cgroupParent, Subreaper = subreaper },
        new OciRuntime(new OciRuntimeOptions { StateRoot = runtimeRoot }),
        new TestMounter());

    /// <summary>An overlay over a directory, with its changes in <c>upper/up</c>.</summary>
    public static IReadOnlyList<Mount> Overlay(string lower, string upper)
    {
        Directory.CreateDirectory(Path.Join(upper, "up"));
        Directory.CreateDirectory(Path.Join(upper, "work"));
        return [new OverlayMount { LowerDirectories = [lower], UpperDirectory = Path.Join(upper, "up"), WorkDirectory = Path.Join(upper, "work") }.ToMount()];
    }
}
