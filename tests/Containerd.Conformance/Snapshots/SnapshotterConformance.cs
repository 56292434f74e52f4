using System.Diagnostics;
using System.Runtime.Versioning;

namespace Containerd.Conformance;

/// <summary>
/// What every <see cref="ISnapshotter"/> does: containerd's own suite (core/snapshots/testsuite), under its names, and the rules of
/// containerd's metadata store. Subclass it, say how one is made, what mounts its mounts and what applies layers to them, and add <see cref="RequiresRootAttribute"/>.
/// </summary>
/// <remarks>Each test has a store of its own. Mounts are made detached, or in a directory of the test; what is left mounted there is a failure.</remarks>
[TestFixture, UnsupportedOSPlatform("windows")]
public abstract partial class SnapshotterConformance
{
    private string _directory = "";

    /// <summary>The snapshotter under test, with an empty store for each test.</summary>
    protected ISnapshotter Snapshotter { get; private set; } = null!;

    /// <summary>What mounts the snapshotter's mounts.</summary>
    protected IMounter Mounter { get; private set; } = null!;

    /// <summary>Makes or opens the store in a directory. If what is returned is disposable, it is disposed after the test.</summary>
    /// <param name="root">The directory: missing at first; the same again where a test opens a store anew.</param>
    protected abstract Task<ISnapshotter> CreateAsync(string root);

    /// <summary>Makes the mounter.</summary>
    protected abstract IMounter CreateMounter();

    /// <summary>Makes what applies layers to the snapshotter's mounts, in the form that they need.</summary>
    protected abstract ILayerApplier CreateApplier();

    /// <summary>Where each test makes its directory: on a file system that the snapshotter works on.</summary>
    protected virtual string ParentDirectory => Path.GetTempPath();

    /// <summary>
    /// Looks into the store after each test, when it has been cleaned up: there should be the trees of its snapshots, undamaged, and nothing else. By default nobody looks.
    /// </summary>
    /// <param name="snapshotter">The snapshotter.</param>
    protected virtual Task CheckStoreAsync(ISnapshotter snapshotter) => Task.CompletedTask;

    /// <summary>Deletes a test's directory with the store in it, which is closed.</summary>
    /// <param name="directory">The directory.</param>
    protected virtual void DeleteDirectory(string directory) => Directory.Delete(directory, recursive: true);

    /// <summary>Makes the store.</summary>
    [SetUp]
    public async Task SetUpSnapshotter()
    {
        // Others have to get as far as the mounts: users of ID maps.
        _directory = Directory.CreateDirectory(
            Path.Join(ParentDirectory, $"snapshotter-{Guid.NewGuid():N}"), (UnixFileMode)0x1ED).FullName; // 0755
        Mounter = CreateMounter();
        Snapshotter = await CreateAsync(Root);
    }

    /// <summary>Removes the store.</summary>
    [TearDown]
    public async Task TearDownSnapshotter()
    {
        try
        {
            if (Snapshotter is not null)
            {
                await Snapshotter.CleanupAsync();
                await CheckStoreAsync(Snapshotter);
            }
        }
        finally
        {
            if (Snapshotter is not null)
                await CloseAsync(Snapshotter);
            Mounter.Unmount(_directory, UnmountOptions.Recursive | UnmountOptions.Lazy);
            DeleteDirectory(_directory);
        }
    }

    /// <summary>The store's directory.</summary>
    protected string Root => Path.Join(_directory, "root");

    /// <summary>Closes a snapshotter.</summary>
    /// <param name="snapshotter">The snapshotter.</param>
    protected static async Task CloseAsync(ISnapshotter snapshotter)
    {
        if (snapshotter is IAsyncDisposable asynchronous)
            await asynchronous.DisposeAsync();
        else
            (snapshotter as IDisposable)?.Dispose();
    }

    /// <summary>Closes the store and opens it again.</summary>
    protected async Task ReopenAsync()
    {
        await CloseAsync(Snapshotter);
        Snapshotter = await CreateAsync(Root);
    }

    /// <summary>Prepares, changes and commits a layer.</summary>
    /// <param name="name">What it is committed as.</param>
    /// <param name="parent">The layer beneath.</param>
    /// <param name="change">What is done to the tree.</param>
    /// <param name="options">How it is committed.</param>
    protected async Task<SnapshotInfo> CommitLayerAsync(string name, string? parent, Action<string> change, SnapshotCommitOptions? options = null)
    {
        string key = $"prepare of {name}";
        Change(await Snapshotter.PrepareAsync(key, parent), change);
        return await Snapshotter.CommitAsync(name, key, options);
    }

    /// <summary>Does something in a mounted tree.</summary>
    /// <param name="mounts">The tree.</param>
    /// <param name="change">Told the path of its root.</param>
    protected void Change(IReadOnlyList<Mount> mounts, Action<string> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        string target = Directory.CreateDirectory(Path.Join(_directory, $"mnt-{Guid.NewGuid():N}")).FullName;
        Mounter.Mount(mounts, target);
        try
        {
            change(target);
        }
        finally
        {
            Mounter.Unmount(target);
        }
    }

    /// <summary>The files of a committed snapshot as <c>path=content</c>, directories as <c>path/</c>, sorted.</summary>
    /// <param name="name">The snapshot.</param>
    protected async Task<IReadOnlyList<string>> ContentOfAsync(string name)
    {
        string key = $"view of {name} {Guid.NewGuid():N}";
        IReadOnlyList<string> content = ContentOf(await Snapshotter.ViewAsync(key, name));
        await Snapshotter.RemoveAsync(key);
        return content;
    }

    /// <summary>The files of a mounted tree, as <see cref="ContentOfAsync"/>.</summary>
    /// <param name="mounts">The tree.</param>
    protected IReadOnlyList<string> ContentOf(IReadOnlyList<Mount> mounts)
    {
        string[] content = [];
        Change(mounts, root => content =
            [.. Directory.EnumerateFileSystemEntries(root, "*", SearchOption.AllDirectories)
                .Select(path => Directory.Exists(path) ? $"{Path.GetRelativePath(root, path)}/" : $"{Path.GetRelativePath(root, path)}={File.ReadAllText(path)}")
                .Order(StringComparer.Ordinal)]);
        return content;
    }

    /// <summary>Applies a layer to a tree.</summary>
    /// <param name="layer">The archive.</param>
    /// <param name="mounts">The tree.</param>
    protected async Task<LayerApplyResult> ApplyAsync(TarBuilder layer, IReadOnlyList<Mount> mounts)
    {
        ArgumentNullException.ThrowIfNull(layer);
        byte[] archive = layer.ToArray();
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256(archive), Size = archive.Length };
        using var content = new MemoryStream(archive);
        return await CreateApplier().ApplyAsync(descriptor, content, mounts);
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{program} {string.Join(' ', arguments)}: {error.Result}");
        return output.Trim();
    }

    private static void Write(string root, string file, string content)
    {
        string path = Path.Join(root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    private static async Task<ErrorKind> KindOf(Task task)
    {
        try
        {
            await task;
        }
        catch (ContainerdException e)
        {
            return e.Kind;
        }
        throw new AssertionException("Expected a ContainerdException, nothing was thrown.");
    }
}
