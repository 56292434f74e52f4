using System.Runtime.Versioning;

namespace Containerd.Conformance;

/// <summary>What every <see cref="IMounter"/> of a Linux host does. Subclass it, say how one is made, and add <see cref="RequiresRootAttribute"/>.</summary>
/// <remarks>
/// Each test works in a directory of its own, beneath which everything is unmounted afterwards by <c>umount2</c> through the mounter under test; nothing outside
/// it is mounted or changed. Needs root, tmpfs and overlay.
/// </remarks>
[TestFixture, UnsupportedOSPlatform("windows")]
public abstract partial class MounterConformance
{
    private string _directory = "";

    /// <summary>The mounter under test, made for each test.</summary>
    protected IMounter Mounter { get; private set; } = null!;

    /// <summary>Whether <see cref="IMounter.MountDetached"/> works here; where not, it has to say <see cref="ErrorKind.NotSupported"/>.</summary>
    protected virtual bool CanDetach => true;

    /// <summary>Where the mounter mounts what the kernel cannot detach, beneath the test's directory; null where detached trees are in no mount table at all.</summary>
    protected virtual string? TemporaryDirectory => null;

    /// <summary>Makes the mounter under test.</summary>
    /// <param name="busyTimeout">How long it is to try again while a mount is busy. One that has no such setting passes over it, and may fail a test on a slow machine.</param>
    protected abstract IMounter CreateMounter(TimeSpan busyTimeout);

    /// <summary>Makes the test's directory and mounter.</summary>
    [SetUp]
    public void SetUpMounter()
    {
        _directory = Directory.CreateTempSubdirectory("mounter-").FullName;
        Mounter = CreateMounter(TimeSpan.FromSeconds(1));
    }

    /// <summary>Unmounts and deletes what the test has left.</summary>
    [TearDown]
    public void TearDownMounter()
    {
        Mounter.Unmount(_directory, UnmountOptions.Recursive | UnmountOptions.Lazy);
        Assert.That(MountsBeneath(_directory), Is.Empty, "a mount is left");
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>A directory beneath the test's own, made with its parents.</summary>
    /// <param name="name">Its relative path.</param>
    protected string NewDirectory(string name) => Directory.CreateDirectory(Path.Join(_directory, name)).FullName;

    /// <summary>A directory with one file of a name, whose content is the name.</summary>
    /// <param name="name">The directory's relative path.</param>
    /// <param name="file">The file.</param>
    protected string NewDirectory(string name, string file)
    {
        string path = NewDirectory(name);
        File.WriteAllText(Path.Join(path, file), file);
        return path;
    }

    /// <summary>The mount points at a path and beneath it, as this process sees them.</summary>
    /// <param name="path">The path.</param>
    protected static IReadOnlyList<string> MountsBeneath(string path) =>
        [.. File.ReadLines("/proc/self/mountinfo")
            .Select(line => line.Split(' ')[4].Replace("\\040", " ", StringComparison.Ordinal))
            .Where(point => point == path || point.StartsWith(path + "/", StringComparison.Ordinal))];

    private IReadOnlyList<string> SeenMounts()
    {
        IReadOnlyList<string> temporary = TemporaryDirectory is null ? [] : MountsBeneath(TemporaryDirectory);
        return [.. File.ReadLines("/proc/self/mountinfo").Where(line => !temporary.Contains(line.Split(' ')[4]))];
    }

    private static Mount Tmpfs(params string[] options) => new() { Type = "tmpfs", Source = "tmpfs", Options = [.. options] };

    private static void AssertReadOnly(string directory) =>
        Assert.That(() => File.WriteAllText(Path.Join(directory, "denied"), ""), Throws.InstanceOf<IOException>().With.Message.Contains("Read-only"));

    private static ErrorKind KindOf(Action action) => Assert.Throws<ContainerdException>(() => action())!.Kind;
}
