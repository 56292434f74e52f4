using Containerd.Conformance;

namespace Containerd.Images.Tests;

public sealed class ImageStoreTests : ImageStoreConformance
{
    private readonly Dictionary<IImageStore, TemporaryDirectory> _directories = [];

    protected override Task<IImageStore> CreateStoreAsync()
    {
        var directory = new TemporaryDirectory();
        var store = new ImageStore(directory["root"]);
        _directories.Add(store, directory);
        return Task.FromResult<IImageStore>(store);
    }

    protected override Task DestroyStoreAsync(IImageStore store)
    {
        ((ImageStore)store).Dispose();
        _directories[store].Dispose();
        return Task.CompletedTask;
    }
}
