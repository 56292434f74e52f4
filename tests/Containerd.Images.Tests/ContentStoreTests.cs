using Containerd.Conformance;

namespace Containerd.Images.Tests;

[TestFixture(Durability.Full)]
[TestFixture(Durability.Relaxed)]
public sealed class ContentStoreTests(Durability durability) : ContentStoreConformance
{
    private readonly Dictionary<IContentStore, TemporaryDirectory> _directories = [];

    protected override Task<IContentStore> CreateStoreAsync()
    {
        var directory = new TemporaryDirectory();
        var store = new ContentStore(directory["root"], new ImageRootOptions { Durability = durability });
        _directories.Add(store, directory);
        return Task.FromResult<IContentStore>(store);
    }

    protected override Task DestroyStoreAsync(IContentStore store)
    {
        ((ContentStore)store).Dispose();
        _directories[store].Dispose();
        return Task.CompletedTask;
    }
}
