import { Agent, createServer, request } from 'node:http'

// What the wide query costs when a person writes its plan out: the same eight fetches, joined by loops that know their
// shapes. No guard, no identity, no validation, no errors, no deadlines: the floor that a gateway in JavaScript can get near.

const urls = JSON.parse(process.argv[2])
const agents = Object.fromEntries(Object.keys(urls).map((name) => [name, new Agent({ keepAlive: true })]))
const method = 'POST'
const headers = { 'content-type': 'application/json' }

function ask(name, query, variables) {
  const body = JSON.stringify({ query, variables })
  return new Promise((resolve, reject) => {
    const length = { ...headers, 'content-length': Buffer.byteLength(body) }
    const sent = request(urls[name], { method, headers: length, agent: agents[name] }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(JSON.parse(text).data))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** References, each once, and which of them every owner has. */
class References {
  list = []
  #places = new Map()

  place({ __typename, id }) {
    let place = this.#places.get(id)
    if (place === undefined) {
      place = this.list.push({ __typename, id }) - 1
      this.#places.set(id, place)
    }
    return place
  }
}

const two = (type, first, second) =>
  `query($a:[_Any!]!,$b:[_Any!]!){a:_entities(representations:$a){...on ${type}{${first}}} b:_entities(representations:$b){...on ${type}{${second}}}}`
const one = (fields) => `query($a:[_Any!]!){a:_entities(representations:$a){...on Product{${fields}}}}`

async function roots() {
  const [{ latestReviews }, { viewer }, { products }] = await Promise.all([
    ask('reviews', '{latestReviews{id body stars author{__typename id}}}'),
    ask('users', '{viewer{id name email favourites{__typename id}}}'),
    ask(
      'products',
      '{products{__typename id name description price tags seller{__typename id} similar{__typename id name}}}',
    ),
  ])
  return { latestReviews, viewer, products }
}

async function second({ latestReviews, viewer, products }) {
  const authors = new References()
  const sellers = new References()
  const shown = new References()
  const whole = new References()
  const favourites = new References()
  const atAuthors = latestReviews.map(({ author }) => authors.place(author))
  const atSellers = products.map(({ seller }) => sellers.place(seller))
  const atFavourites = viewer.favourites.map((product) => favourites.place(product))
  for (const product of viewer.favourites) shown.place(product)
  for (const product of products) for (const other of product.similar) shown.place(other)
  for (const product of products) whole.place(product)
  const [users, stock, named, reviewed] = await Promise.all([
    ask('users', two('User', 'name', 'name address{city}'), { a: authors.list, b: sellers.list }),
    ask('stock', two('Product', 'inStock', 'inStock warehouse{id name shelf keeper{__typename id}}'), {
      a: shown.list,
      b: whole.list,
    }),
    ask('products', one('name price seller{__typename id}'), { a: favourites.list }),
    ask('reviews', one('reviews{id body stars author{__typename id} comments{text author{__typename id}}}'), {
      a: whole.list,
    }),
  ])
  latestReviews.forEach(({ author }, index) => {
    Object.assign(author, users.a[atAuthors[index]])
  })
  viewer.favourites.forEach((product, index) => {
    Object.assign(product, named.a[atFavourites[index]], stock.a[shown.place(product)])
  })
  products.forEach((product, index) => {
    Object.assign(product.seller, users.b[atSellers[index]])
    const at = whole.place(product)
    Object.assign(product, stock.b[at], reviewed.a[at])
    for (const other of product.similar) other.inStock = stock.a[shown.place(other)].inStock
  })
}

async function third({ viewer, products }) {
  const named = new References()
  const written = new References()
  for (const { seller } of viewer.favourites) named.place(seller)
  for (const { reviews, warehouse } of products) {
    named.place(warehouse.keeper)
    for (const { author, comments } of reviews) {
      written.place(author)
      for (const comment of comments) named.place(comment.author)
    }
  }
  const { a, b } = await ask('users', two('User', 'name', 'name email'), { a: named.list, b: written.list })
  for (const { seller } of viewer.favourites) seller.name = a[named.place(seller)].name
  for (const { reviews, warehouse } of products) {
    warehouse.keeper.name = a[named.place(warehouse.keeper)].name
    for (const { author, comments } of reviews) {
      Object.assign(author, b[written.place(author)])
      for (const comment of comments) comment.author.name = a[named.place(comment.author)].name
    }
  }
}

const person = ({ id, name }) => ({ id, name })
const nameOf = ({ name }) => ({ name })

function shape({ products, viewer, latestReviews }) {
  return {
    products: products.map((product) => ({
      id: product.id,
      name: product.name,
      description: product.description,
      price: product.price,
      tags: product.tags,
      seller: { ...person(product.seller), address: product.seller.address },
      inStock: product.inStock,
      warehouse: { ...product.warehouse, keeper: nameOf(product.warehouse.keeper) },
      similar: product.similar.map(({ id, name, inStock }) => ({ id, name, inStock })),
      reviews: product.reviews.map(({ id, body, stars, author, comments }) => ({
        id,
        body,
        stars,
        author: { ...person(author), email: author.email },
        comments: comments.map((comment) => ({ text: comment.text, author: nameOf(comment.author) })),
      })),
    })),
    viewer: {
      id: viewer.id,
      name: viewer.name,
      email: viewer.email,
      favourites: viewer.favourites.map(({ id, name, price, inStock, seller }) => ({
        id,
        name,
        price,
        inStock,
        seller: nameOf(seller),
      })),
    },
    latestReviews: latestReviews.map(({ id, body, stars, author }) => ({ id, body, stars, author: person(author) })),
  }
}

const server = createServer((req, res) => {
  const chunks = []
  req.on('data', (chunk) => chunks.push(chunk))
  req.on('end', async () => {
    const data = await roots()
    await second(data)
    await third(data)
    const bytes = Buffer.from(JSON.stringify({ data: shape(data) }))
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes)
  })
})
server.listen(0, '127.0.0.1', () => console.log(`ready at http://127.0.0.1:${server.address().port}/graphql`))
