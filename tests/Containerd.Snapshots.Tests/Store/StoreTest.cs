using Containerd.Conformance;

namespace Containerd.Snapshots;

/// <summary>A test with a directory for stores, which goes with everything mounted in it.</summary>
[RequiresRoot, RequiresFileSystem("overlay")]
public abstract class StoreTest
{
    protected string DirectoryPath { get; private set; } = "";

    protected string Root => Path.Join(DirectoryPath, "root");

    protected LinuxMounter Mounter { get; } = new();

    [SetUp]
    public void MakeDirectory() => DirectoryPath = Directory.CreateTempSubdirectory("overlay-").FullName;

    [TearDown]
    public void DeleteDirectory()
    {
        Mounter.Unmount(DirectoryPath, UnmountOptions.Recursive | UnmountOptions.Lazy);
        Directory.Delete(DirectoryPath, recursive: true);
    }

    protected string[] Entries(string directory) =>
        [.. Directory.EnumerateFileSystemEntries(Path.Join(Root, directory)).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    protected static async Task CommitAsync(OverlaySnapshotter snapshotter, string name, string? parent, string file, SnapshotCommitOptions? options = null)
    {
        IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync($"key of {name}", parent);
        // Straight into the directory beneath, as an applier does.
        string directory = OverlayMount.TryParse(mounts[0], out OverlayMount? overlay) ? overlay.UpperDirectory! : mounts[0].Source;
        await File.WriteAllTextAsync(Path.Join(directory, file), file);
        await snapshotter.CommitAsync(name, $"key of {name}", options);
    }

    protected static async Task<ContainerdException> FailureOf(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (ContainerdException e)
        {
            return e;
        }
        throw new AssertionException("Expected a ContainerdException, nothing was thrown.");
    }

    protected ContainerdException FailureToOpen() => Assert.Throws<ContainerdException>(() => new OverlaySnapshotter(Root).Dispose())!;
}
