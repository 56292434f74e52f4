using Containerd.Conformance;
using Containerd.Snapshots;

namespace Containerd.Images.Tests;

/// <summary>Images made by hand, unpacked into real snapshots, and what they look like when they are mounted.</summary>
internal sealed class UnpackBed : IAsyncDisposable
{
    private const int Extractions = 4;

    private readonly TemporaryDirectory _directory = new();
    private readonly HttpRegistry _registry = new();
    private readonly ImageStore _names;
    private int _count;

    public UnpackBed(string snapshotter = "overlay", int maxExtractions = Extractions)
    {
        ContentRoot = _directory["images"];
        SnapshotRoot = _directory["snapshots"];
        Content = new ContentStore(ContentRoot, new ImageRootOptions { Durability = Durability.Relaxed });
        _names = new ImageStore(ContentRoot);
        Images = new ImageService(Content, _names, _registry, new ImageServiceOptions { MaxConcurrentExtractions = maxExtractions });
        Snapshots = OpenSnapshots(snapshotter, SnapshotRoot);
    }

    public string ContentRoot { get; }

    public string SnapshotRoot { get; }

    public ContentStore Content { get; }

    public ImageService Images { get; }

    public LocalSnapshotter Snapshots { get; }

    public RecordingApplier Applier { get; } = new();

    public static LocalSnapshotter OpenSnapshots(string snapshotter, string root) => snapshotter == "overlay"
        ? new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = root, Durability = Durability.Relaxed })
        : new NativeSnapshotter(new LocalSnapshotterOptions { Root = root, Durability = Durability.Relaxed });

    /// <summary>An image of these layers, in the content store.</summary>
    public Task<Image> AddAsync(params TarBuilder[] layers) => AddAsync(null, layers);

    /// <inheritdoc cref="AddAsync(TarBuilder[])"/>
    public async Task<Image> AddAsync(Action<TestImage>? change, params TarBuilder[] layers)
    {
        var made = new TestImage();
        foreach (TarBuilder layer in layers)
            made.AddLayer(layer.ToArray());
        change?.Invoke(made);
        made.Finish(Platform.Current.Architecture);
        int number = Interlocked.Increment(ref _count);
        string layout = _directory[$"layout-{number}"], name = $"registry.test/image:{number}";
        made.WriteLayout(layout, name);
        await Images.ImportAsync(layout);
        return await Images.GetAsync(name);
    }

    public Task<string> UnpackAsync(Image image, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Images.UnpackAsync(image, Snapshots, Applier, progress, cancellationToken);

    /// <summary>What a committed snapshot shows.</summary>
    public Task<IReadOnlyList<TreeFile>> ReadAsync(string name) => ReadAsync(Snapshots, name);

    /// <inheritdoc cref="ReadAsync(string)"/>
    public async Task<IReadOnlyList<TreeFile>> ReadAsync(ISnapshotter snapshotter, string name)
    {
        int number = Interlocked.Increment(ref _count);
        string view = $"view-{number}", target = Directory.CreateDirectory(_directory[$"mnt-{number}"]).FullName;
        var mounter = new LinuxMounter();
        mounter.Mount(await snapshotter.ViewAsync(view, name), target);
        try
        {
            return TreeFile.ReadAll(target);
        }
        finally
        {
            mounter.Unmount(target);
            await snapshotter.RemoveAsync(view);
        }
    }

    /// <summary>What a committed snapshot shows, in the notation of <see cref="TreeFile"/>.</summary>
    public async Task<string[]> ShowAsync(string name) => [.. (await ReadAsync(name)).Select(file => file.ToString())];

    /// <summary>Nothing is left but committed layers with the names of the chains, no turn is held, and no content has a record of an extraction.</summary>
    public async Task AssertTidyAsync(params Image[] images)
    {
        string[] chain = [.. images.SelectMany(image => ChainId.ComputeAll(image.DiffIds)).Select(id => id.ToString()).Distinct()];
        List<SnapshotInfo> snapshots = await Snapshots.ListAsync().ToListAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(snapshots.Select(snapshot => snapshot.Name), Is.SubsetOf(chain));
            Assert.That(snapshots.Select(snapshot => snapshot.Kind), Has.All.EqualTo(SnapshotKind.Committed));
            Assert.That(await Content.ListIngestsAsync().ToListAsync(), Is.Empty);
            Assert.That(
                (await Content.ListAsync().ToListAsync()).SelectMany(content => content.Labels.Keys).Where(label => label.StartsWith("containerd.io/extraction", StringComparison.Ordinal)),
                Is.Empty);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Snapshots.DisposeAsync();
        Images.Dispose();
        _names.Dispose();
        Content.Dispose();
        _registry.Dispose();
        _directory.Dispose();
    }
}
