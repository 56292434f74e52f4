namespace Containerd.Conformance;

/// <summary>What every <see cref="IImageStore"/> must do. Subclass it, make a store, and run it with NUnit.</summary>
/// <remarks>Every test gets a store of its own.</remarks>
public abstract class ImageStoreConformance
{
    private const string Name = "registry.example/team/app:1";

    private static readonly Descriptor One = Target("one"u8);
    private static readonly Descriptor Two = Target("two"u8);

    private IImageStore _store = null!;

    /// <summary>Makes an empty store.</summary>
    protected abstract Task<IImageStore> CreateStoreAsync();

    /// <summary>Takes a store away that <see cref="CreateStoreAsync"/> made, and what it has on disk.</summary>
    /// <param name="store">The store.</param>
    protected abstract Task DestroyStoreAsync(IImageStore store);

    /// <summary>Makes the store of one test.</summary>
    [SetUp]
    public async Task SetUpStoreAsync() => _store = await CreateStoreAsync();

    /// <summary>Takes the store of one test away.</summary>
    [TearDown]
    public async Task TearDownStoreAsync() => await DestroyStoreAsync(_store);

    /// <summary>A name that was made is found as it was made.</summary>
    [Test]
    public async Task ANameIsFoundAsItWasMade()
    {
        Descriptor target = One with { Annotations = new Dictionary<string, string> { ["k"] = "v" }, Platform = Platform.Parse("linux/arm64") };
        ImageRecord made = await _store.CreateAsync(new ImageRecord { Name = Name, Target = target, Labels = new Dictionary<string, string> { ["a"] = "1" } });
        ImageRecord? found = await _store.FindAsync(Name);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found?.Target, Is.EqualTo(target));
            Assert.That(found?.Labels, Is.EquivalentTo(new Dictionary<string, string> { ["a"] = "1" }));
            Assert.That(found?.CreatedAt, Is.EqualTo(made.CreatedAt).And.Not.EqualTo(default(DateTimeOffset)));
            Assert.That(await _store.FindAsync("registry.example/team/app:2"), Is.Null);
        }
    }

    /// <summary>A name is made once.</summary>
    [Test]
    public async Task ANameIsMadeOnce()
    {
        await CreateAsync(Name, One);
        Assert.That(() => CreateAsync(Name, Two), Fails(ErrorKind.AlreadyExists));
        Assert.That((await _store.FindAsync(Name))?.Target, Is.EqualTo(One));
    }

    /// <summary>Names are listed in ordinal order.</summary>
    [Test]
    public async Task NamesAreListedSorted()
    {
        foreach (string name in new[] { "b.example/x:1", "a.example/x:10", "a.example/x:1", "B.example/x:1" })
            await CreateAsync(name, One);
        Assert.That(
            (await _store.ListAsync().ToListAsync()).Select(image => image.Name),
            Is.EqualTo(new[] { "B.example/x:1", "a.example/x:1", "a.example/x:10", "b.example/x:1" }));
    }

    /// <summary>A name can be changed, as a whole or in part.</summary>
    [Test]
    public async Task ANameIsUpdated()
    {
        ImageRecord made = await _store.CreateAsync(new ImageRecord { Name = Name, Target = One, Labels = new Dictionary<string, string> { ["a"] = "1" } });
        ImageRecord moved = await _store.UpdateAsync(Name, Two);
        ImageRecord labelled = await _store.UpdateAsync(Name, labels: LabelUpdate.Set("b", "2"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((moved.Target, moved.CreatedAt), Is.EqualTo((Two, made.CreatedAt)));
            Assert.That(moved.Labels, Is.EquivalentTo(made.Labels));
            Assert.That(labelled.Target, Is.EqualTo(Two));
            Assert.That(labelled.Labels, Is.EquivalentTo(new Dictionary<string, string> { ["a"] = "1", ["b"] = "2" }));
        }
        Assert.That(() => _store.UpdateAsync("no.example/such:name", Two), Fails(ErrorKind.NotFound));
    }

    /// <summary>Updates and deletions compare first.</summary>
    [Test]
    public async Task AChangeThatExpectsAnotherTargetIsNotMade()
    {
        await CreateAsync(Name, One);
        Assert.That(() => _store.UpdateAsync(Name, Two, expectedTarget: Two.Digest), Fails(ErrorKind.FailedPrecondition));
        Assert.That(() => _store.DeleteAsync(Name, Two.Digest), Fails(ErrorKind.FailedPrecondition));
        Assert.That((await _store.FindAsync(Name))?.Target, Is.EqualTo(One));
        await _store.UpdateAsync(Name, Two, expectedTarget: One.Digest);
        await _store.DeleteAsync(Name, Two.Digest);
        Assert.That(await _store.FindAsync(Name), Is.Null);
        Assert.That(() => _store.DeleteAsync(Name), Fails(ErrorKind.NotFound));
    }

    /// <summary>Names and labels that break a rule are refused.</summary>
    [Test]
    public void NamesAndLabelsMustFollowTheRules()
    {
        foreach (string name in new[] { "", "a\tb", new string('x', 513) })
            Assert.That(() => CreateAsync(name, One), Fails(ErrorKind.InvalidArgument));
        Assert.That(
            () => _store.CreateAsync(new ImageRecord { Name = Name, Target = One, Labels = new Dictionary<string, string> { ["k"] = new string('x', 4096) } }),
            Fails(ErrorKind.InvalidArgument));
    }

    /// <summary>Of many who change one name at once, none loses a change.</summary>
    [Test]
    public async Task NoChangeIsLost()
    {
        await CreateAsync(Name, One);
        await Task.WhenAll(Enumerable.Range(0, 32).Select(i => Task.Run(() => _store.UpdateAsync(Name, labels: LabelUpdate.Set($"l{i}", "x")))));
        Assert.That((await _store.FindAsync(Name))?.Labels, Has.Count.EqualTo(32));
    }

    /// <summary>Of many who make one name at once, one wins.</summary>
    [Test]
    public async Task OneCreationWins()
    {
        int winners = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            try
            {
                await CreateAsync(Name, One);
                Interlocked.Increment(ref winners);
            }
            catch (ContainerdException e) when (e.Kind == ErrorKind.AlreadyExists)
            {
            }
        })));
        Assert.That(winners, Is.EqualTo(1));
    }

    private Task<ImageRecord> CreateAsync(string name, Descriptor target) => _store.CreateAsync(new ImageRecord { Name = name, Target = target });

    private static Descriptor Target(ReadOnlySpan<byte> content) => new() { MediaType = MediaTypes.OciManifest, Digest = Digest.Sha256(content), Size = content.Length };

    private static NUnit.Framework.Constraints.EqualConstraint<ErrorKind> Fails(ErrorKind kind) =>
        Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(kind);
}
